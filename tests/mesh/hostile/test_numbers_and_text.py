"""Numbers and text that are none, or more than most can hold: refused, or back byte for byte."""

from __future__ import annotations

from urllib.parse import quote

import msgspec
import pytest

from tests.support.hostile import Attacked

pytestmark = [pytest.mark.network, pytest.mark.disk, pytest.mark.asyncio(loop_scope="module")]

INVALID = (400, "Invalid request body")
MIB = 1 << 20


async def _store(target: Attacked, who: str, bag: bytes) -> dict[str, msgspec.Raw]:
    """Sends an event with a bag, and gives the row that came back."""
    body = b'{"event_name":"tap","distinct_id":"%b","properties":%b}' % (who.encode(), bag)
    reply = await target.post(body)
    assert reply.status == 200, (bag[:80], reply)
    (event,) = await target.events(f"&distinct_id={quote(who)}")
    return event


@pytest.mark.parametrize(
    "number",
    [
        "0",
        "-0",
        "-0.0",
        "1.10",
        "1e2",
        "1E+2",
        "1e-400",
        "9007199254740993",
        "9223372036854775807",
        "-9223372036854775808",
        "9223372036854775808",
        "18446744073709551616",
        "123456789012345678901234567890123456789012345678901234567890",
        "0.1000000000000000055511151231257827021181583404541015625",
        "1" * 10_000,
        "0." + "0" * 10_000 + "1",
        "1e400",
        "-1e400",
        "1" * 400 + ".5",
    ],
    ids=lambda number: number[:24],
)
async def test_a_number_in_a_bag_comes_back_as_it_was_written(target: Attacked, number: str) -> None:
    """Also one that fits into no number of 64 bits: a bag is text to us."""
    bag = f'{{"a":{number},"b":[{number}]}}'.encode()
    event = await _store(target, "numbers", bag)
    assert bytes(event["properties"]) == bag


@pytest.mark.parametrize(
    "number",
    ["NaN", "Infinity", "-Infinity", "nan", "01", "+1", "1.", ".5", "0x10", "1e", "1_000", "--1", "٣", "- 1"],
)
async def test_a_number_that_json_has_not_is_400(target: Attacked, number: str) -> None:
    for body in (
        f'{{"event_name":"tap","distinct_id":"user_1","properties":{{"a":{number}}}}}',
        f'{{"event_name":"tap","distinct_id":"user_1","default_properties":{{"a":[{number}]}}}}',
        f'{{"event_name":"tap","distinct_id":"user_1","timestamp":{number}}}',
        f'{{"event_name":"tap","distinct_id":"user_1","unknown":{number}}}',
    ):
        reply = await target.post(body.encode())
        assert (reply.status, reply.error) == INVALID, body
    reply = await target.post(
        f'{{"distinct_id":"user_1","properties":{{"a":{number}}}}}'.encode(), path="people"
    )
    assert (reply.status, reply.error) == INVALID


@pytest.mark.parametrize("value", ["1", "18446744073709551616", "1.5", "1e400", "true", "[]", "{}", '["a"]'])
async def test_a_name_or_an_id_that_is_no_text_is_400(target: Attacked, value: str) -> None:
    for field in ("event_name", "distinct_id", "lib_version", "event_id"):
        fields = {"event_name": '"tap"', "distinct_id": '"user_1"'} | {field: value}
        body = ",".join(f'"{name}":{text}' for name, text in fields.items())
        reply = await target.post(f"{{{body}}}".encode())
        assert (reply.status, reply.error) == INVALID, body
    for fields in (
        f'"alias_id":{value},"distinct_id":"user_1"',
        f'"alias_id":"user_1","distinct_id":{value}',
    ):
        reply = await target.post(f"{{{fields}}}".encode(), path="alias")
        assert (reply.status, reply.error) == INVALID, fields


@pytest.mark.parametrize("value", ['""', "null", None])
async def test_an_empty_name_or_id_is_named_as_missing(target: Attacked, value: str | None) -> None:
    def body(missing: str, **fields: str) -> bytes:
        fields |= {missing: value} if value is not None else {}
        texts = ",".join(f'"{name}":{text}' for name, text in fields.items())
        return f"{{{texts}}}".encode()

    for path, missing, other in (
        ("track", "event_name", "distinct_id"),
        ("track", "distinct_id", "event_name"),
        ("people", "distinct_id", "properties"),
        ("alias", "alias_id", "distinct_id"),
        ("alias", "distinct_id", "alias_id"),
    ):
        sent = body(missing, **{other: "{}" if other == "properties" else '"user_1"'})
        reply = await target.post(sent, path=path)
        assert (reply.status, reply.error) == (400, f"Missing {missing}"), (path, sent)
        operation = b'{"operations":[{"type":"%b","payload":%b}]}' % (path.encode(), sent)
        reply = await target.post(operation, path="batch")
        assert (reply.status, reply.error) == (400, f"Invalid {path} payload")


BAD_UTF8 = [
    b"\xff",
    b"\xc3",
    b"\xc0\xaf",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\xe2\x82",
    b"a\x80",
    b"\xfe\xff",
]


@pytest.mark.parametrize("bad", BAD_UTF8, ids=repr)
async def test_bytes_that_are_no_utf_8_are_400_wherever_they_are(target: Attacked, bad: bytes) -> None:
    fields = (
        b"event_name",
        b"distinct_id",
        b"lib_version",
        b"event_id",
        b"timestamp",
        b"unknown",
        b"x" + bad,
    )
    for field in fields:
        body = b'{"event_name":"tap","distinct_id":"user_1","%b":"a%b"}' % (field, bad)
        reply = await target.post(body)
        assert (reply.status, reply.error) == INVALID, body
    for bag in (b'{"a":"%b"}' % bad, b'{"%b":1}' % bad, b'{"a":[{"b":"%b"}]}' % bad, b'{"a":1}%b' % bad):
        track = b'{"event_name":"tap","distinct_id":"user_1","properties":%b}' % bag
        defaults = b'{"event_name":"tap","distinct_id":"user_1","default_properties":%b}' % bag
        person = b'{"distinct_id":"user_1","properties":%b}' % bag
        for path, body in (("track", track), ("track", defaults), ("people", person)):
            reply = await target.post(body, path=path)
            assert (reply.status, reply.error) == INVALID, body
        reply = await target.post(b'{"operations":[{"type":"track","payload":%b}]}' % track, path="batch")
        assert (reply.status, reply.error) == INVALID


LONE = ["\\ud800", "\\udfff", "a\\ud83dz", "\\ude00\\ud83d", "\\ud83d\\u0041"]


@pytest.mark.parametrize("lone", LONE)
async def test_half_a_surrogate_pair_is_400_wherever_it_is(target: Attacked, lone: str) -> None:
    """It is no text: nothing that is UTF-8 can hold it, neither ours nor what reads the answer."""
    for field in ("event_name", "distinct_id", "lib_version", "event_id", "timestamp", "unknown"):
        body = f'{{"event_name":"tap","distinct_id":"user_1","{field}":"{lone}"}}'
        reply = await target.post(body.encode())
        assert (reply.status, reply.error) == INVALID, body
    for bag in (f'{{"a":"{lone}"}}', f'{{"{lone}":1}}', f'{{"a":[{{"b":"{lone}"}}]}}', f'{{"$os":"{lone}"}}'):
        body = f'{{"event_name":"tap","distinct_id":"user_1","properties":{bag}}}'
        reply = await target.post(body.encode())
        assert (reply.status, reply.error) == INVALID, body
        reply = await target.post(f'{{"distinct_id":"user_1","properties":{bag}}}'.encode(), path="people")
        assert (reply.status, reply.error) == INVALID, bag


@pytest.mark.parametrize(
    "text",
    [
        "\\ud83d\\ude00",
        "\\u0000",
        "a\\u0000b",
        "\\u0001\\u001f\\u007f\\u0080",
        "\\ufeff",
        "\\uffff\\ufffe",
        "\\u2028\\u2029",
        '\\/\\b\\f\\n\\r\\t\\"\\\\',
        "\u200d\u202e\u0000".replace("\0", "x"),
        "é vs e\u0301",
        "😀\U0010ffff",
        "\x7f",
        "{{name:String}} %(a)s ' \\\" ; DROP TABLE events; -- \\\\N",
    ],
    ids=ascii,
)
async def test_every_text_that_json_has_comes_back(target: Attacked, text: str) -> None:
    """Names and ids as the same text, NUL included; bags byte for byte, in the escapes that were sent."""
    decoded = msgspec.json.decode(f'"{text}"'.encode())
    bag = f'{{"{text}":"{text}","$session_id":"{text}"}}'.encode()
    body = b'{"event_name":"%b","distinct_id":"id %b","lib_version":"%b","event_id":"%b","properties":%b}' % (
        *(text.encode(),) * 4,
        bag,
    )
    assert (await target.post(body)).status == 200
    (event,) = await target.events(f"&distinct_id={quote('id ' + decoded)}")
    assert bytes(event["properties"]) == bag
    for name, expected in (
        ("event_name", decoded),
        ("distinct_id", "id " + decoded),
        ("lib_version", decoded),
        ("event_id", decoded),
        ("session_id", decoded),
    ):
        assert msgspec.json.decode(event[name]) == expected
    (again,) = await target.events(f"&event_name={quote(decoded)}")
    assert bytes(again["id"]) == bytes(event["id"])


async def test_every_text_comes_back_as_a_person_and_an_alias(target: Attacked) -> None:
    for number, text in enumerate(["\\u0000", "a\\u0000b", "/", "%2f", "..", "?a#b", "😀", "\\ufeff", "é"]):
        decoded = msgspec.json.decode(f'"{text}"'.encode())
        person = f'{{"distinct_id":"p{number}{text}","properties":{{"{text}":"{text}"}}}}'
        assert (await target.post(person.encode(), path="people")).status == 200
        alias = f'{{"alias_id":"a{number}{text}","distinct_id":"p{number}{text}"}}'
        assert (await target.post(alias.encode(), path="alias")).status == 200
        await target.cell.flushed()
        for name in (f"p{number}{decoded}", f"a{number}{decoded}"):
            found = msgspec.json.decode(await target.get(f"people/{quote(name, safe='')}"))["person"]
            assert found["distinct_id"] == f"p{number}{decoded}"
            assert found["aliases"] == [f"a{number}{decoded}"]
            assert found["properties"] == {decoded: decoded}


@pytest.mark.parametrize("raw", [b"\x00", b"\x1f", b"\n", b"\t", b"\r"], ids=repr)
async def test_a_control_character_that_is_not_escaped_is_400(target: Attacked, raw: bytes) -> None:
    for field in (b"event_name", b"distinct_id", b"lib_version", b"event_id"):
        body = b'{"event_name":"tap","distinct_id":"user_1","%b":"a%b"}' % (field, raw)
        reply = await target.post(body)
        assert (reply.status, reply.error) == INVALID
    body = b'{"event_name":"tap","distinct_id":"user_1","properties":{"a":"%b"}}' % raw
    reply = await target.post(body)
    assert (reply.status, reply.error) == INVALID


async def test_white_space_and_order_of_a_bag_are_kept(target: Attacked) -> None:
    bag = b'{ "b" :\t1 ,\r\n\n"a":[ ],"":{ } , "\\u0061":null}'
    event = await _store(target, "spaces", bag)
    assert bytes(event["properties"]) == bag


@pytest.mark.parametrize("bag", ["[]", '"{}"', "1", "true", "NaN", '"\\u007b"', "{]", "{}}"])
async def test_a_bag_that_is_no_object_is_400_and_null_is_an_empty_one(target: Attacked, bag: str) -> None:
    for field in ("properties", "default_properties"):
        reply = await target.post(f'{{"event_name":"tap","distinct_id":"user_1","{field}":{bag}}}'.encode())
        assert (reply.status, reply.error) == INVALID
    reply = await target.post(f'{{"distinct_id":"user_1","properties":{bag}}}'.encode(), path="people")
    assert (reply.status, reply.error) == INVALID
    event = await _store(target, "nothing", b"null")
    assert bytes(event["properties"]) == b"{}"


FIELDS = ("event_name", "distinct_id", "lib_version", "event_id")


@pytest.mark.parametrize("letter", ["a", "é", "😀"])
async def test_names_and_ids_of_8192_characters_are_stored_and_come_back(
    target: Attacked, letter: str
) -> None:
    long = {field: field + letter * (8192 - len(field)) for field in FIELDS}
    for _ in range(2):
        assert (await target.post(msgspec.json.encode(long))).status == 200
    alias = {"alias_id": "alias" + letter * 8187, "distinct_id": long["distinct_id"]}
    assert (await target.post(msgspec.json.encode(alias), path="alias")).status == 200
    (event,) = await target.events()
    for field, text in long.items():
        assert msgspec.json.decode(event[field]) == text
    (person,) = msgspec.json.decode(await target.get("people"))["people"]
    assert (person["distinct_id"], person["aliases"]) == (long["distinct_id"], [alias["alias_id"]])


@pytest.mark.parametrize("size", [8193, MIB])
async def test_a_longer_name_or_id_is_400(target: Attacked, size: int) -> None:
    """Of a mebibyte each, eighty names would be a page that no query may hold."""
    good = {"event_name": "tap", "distinct_id": "user_1"}
    for field in FIELDS:
        for text in ("a" * size, "é" * size, "\n" * size):
            body = msgspec.json.encode(good | {field: text})
            reply = await target.post(body)
            assert (reply.status, reply.error) == (
                400,
                f"Invalid argument: {field} has more than 8192 characters",
            )
    reply = await target.post(b'{"operations":[{"type":"track","payload":%b}]}' % body, path="batch")
    assert (reply.status, reply.error) == (400, "Invalid argument: event_id has more than 8192 characters")
    for path, field in (("people", "distinct_id"), ("alias", "distinct_id"), ("alias", "alias_id")):
        body = msgspec.json.encode({"distinct_id": "user_1", "alias_id": "user_2"} | {field: "a" * size})
        reply = await target.post(body, path=path)
        assert (reply.status, reply.error) == (
            400,
            f"Invalid argument: {field} has more than 8192 characters",
        )


async def test_keys_and_values_of_a_mebibyte_in_a_bag_come_back(target: Attacked) -> None:
    """A session of that length stays in the bag, and is none in the session's own field."""
    bag = {"k" * MIB: "é" * MIB, "$session_id": "s" * MIB, "$os": "o" * 8193}
    event = await _store(target, "large", msgspec.json.encode(bag))
    assert msgspec.json.decode(event["properties"]) == bag
    assert "session_id" not in event and "os" not in event
    person = {"distinct_id": "large", "properties": {"k" * MIB: "v" * MIB}}
    assert (await target.post(msgspec.json.encode(person), path="people")).status == 200
    await target.cell.flushed()
    found = msgspec.json.decode(await target.get("people/large"))["person"]
    assert found["properties"] == person["properties"]


async def test_a_page_that_would_be_too_large_ends_where_it_has_to(target: Attacked) -> None:
    """By bytes, not by characters: 32 MiB of four-byte characters are more than a page."""
    large = "😀" * (2 << 20)
    for number in range(4):
        event = {"event_name": f"{number}", "distinct_id": f"user_{number}", "properties": {"a": large}}
        assert (await target.post(msgspec.json.encode(event))).status == 200
        person = {"distinct_id": f"user_{number}", "properties": {"a": large}}
        assert (await target.post(msgspec.json.encode(person), path="people")).status == 200
    await target.cell.flushed()
    for kind in ("events", "people"):
        found, pages, cursor = set[str](), 0, ""
        while pages == 0 or cursor:
            page = msgspec.json.decode(await target.get(f"{kind}?limit=1000&cursor={cursor}"))
            found |= {each["distinct_id"] for each in page[kind]}
            pages, cursor = pages + 1, page["next_cursor"] or ""
        assert found == {f"user_{number}" for number in range(4)}
        assert pages > 1


@pytest.mark.parametrize(
    "value", ["[" + "[]," * 2_000_000 + "[]]", "{" + '"":{},' * 1_000_000 + '"":{}}'], ids=["array", "object"]
)
async def test_a_known_property_that_is_no_text_is_not_taken_apart(target: Attacked, value: str) -> None:
    bag = f'{{"$session_id":{value},"$os":{value},"$time":1.5e3}}'.encode()
    event = await _store(target, "containers", bag)
    assert bytes(event["properties"]) == bag
    assert "session_id" not in event and "os" not in event


@pytest.mark.parametrize("garbage", ["x", "GZIP", "a*/*b", "Deflate,", "IDENTITY", "accept", "é"])
async def test_an_id_that_is_a_headers_value_is_202_and_not_stored(target: Attacked, garbage: str) -> None:
    body = msgspec.json.encode({"event_name": "tap", "distinct_id": garbage})
    reply = await target.post(body)
    assert (reply.status, reply.body) == (202, b'{"ok":true,"status":"discarded"}')
    assert not await target.events(f"&distinct_id={quote(garbage)}")

"""Games with a request's line and headers: what can be read in two ways is read in none."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.hostile import DEADLINE_S, GOOD, Attacked, Reply

pytestmark = [pytest.mark.network, pytest.mark.disk, pytest.mark.asyncio(loop_scope="module")]

LENGTH = f"content-length: {len(GOOD)}"
CHUNKED = "transfer-encoding: chunked"
CLOSE = "connection: close"
ONE_CHUNK = b"%x\r\n%b\r\n0\r\n\r\n" % (len(GOOD), GOOD)
INVALID = (400, "Invalid request")


def _request(*lines: str, first: str = "POST /api/v1/track HTTP/1.1", body: bytes = GOOD) -> bytes:
    return "\r\n".join((first, "host: x", *lines, "", "")).encode("latin-1") + body


async def _stored(target: Attacked) -> int:
    return len(await target.events("&distinct_id=neighbour"))


@pytest.mark.parametrize(
    "second",
    ["x-api-key: {key}", "X-API-KEY: {key}", "x-api-key:", "x-api-key: sk_live_other"],
)
async def test_two_api_keys_are_403(target: Attacked, second: str) -> None:
    reply = await target.post(GOOD, second.format(key=target.key))
    assert (reply.status, reply.error) == (403, "Invalid API Key")


@pytest.mark.parametrize(
    "value", ["{key}, {key}", "{upper}", '"{key}"', "Bearer {key}", "{key}\xa0", "{key}%20"]
)
async def test_a_key_is_compared_byte_for_byte(target: Attacked, value: str) -> None:
    sent = value.format(key=target.key, upper=target.key.upper())
    reply = await target.exchange(_request(f"x-api-key: {sent}", LENGTH, CLOSE))
    assert (reply.status, reply.error) == (403, "Invalid API Key")


@pytest.mark.parametrize("name", ["x-api-key", "X-API-KEY", "x-aPi-KeY"])
@pytest.mark.parametrize("space", ["", " ", "\t", " \t "])
async def test_a_headers_name_has_no_case_and_the_space_around_its_value_is_no_part_of_it(
    target: Attacked, name: str, space: str
) -> None:
    reply = await target.exchange(_request(f"{name}:{space}{target.key}{space}", LENGTH, CLOSE))
    assert reply.status == 200


@pytest.mark.parametrize("value", ["", " ", "\t\t"])
async def test_an_empty_key_is_401(target: Attacked, value: str) -> None:
    reply = await target.exchange(_request(f"x-api-key:{value}", LENGTH, CLOSE))
    assert (reply.status, reply.error) == (401, "Missing API key")


@pytest.mark.parametrize(
    "line",
    [
        "x-api-key : {key}",
        "x-api-key:\r\n {key}",
        "x-a: b\r\n c",
        "x-a",
        ": b",
        "x a: b",
        "x-a: b\0c",
        "x-a: b\rc",
        "x-\xff: b",
    ],
    ids=repr,
)
async def test_a_header_that_is_none_is_400(target: Attacked, line: str) -> None:
    reply = await target.post(GOOD, line.format(key=target.key))
    assert (reply.status, reply.error) == INVALID


async def test_bytes_that_are_no_ascii_in_a_value_are_taken_as_they_are(target: Attacked) -> None:
    odd = (
        "user-agent: \xff\xfe",
        "idempotency-key: \x80\xff",
        "x-request-id: \xe9",
        "origin: \xff",
        "traceparent: \xff",
    )
    reply = await target.post(GOOD, *odd)
    assert reply.status == 200
    assert reply.headers["x-request-id"].startswith("req_")


@pytest.mark.parametrize(
    "lines",
    [
        (LENGTH, CHUNKED),
        (CHUNKED, LENGTH),
        (LENGTH, "transfer-encoding : chunked"),
        (LENGTH, "transfer-encoding:\x0bchunked"),
        (LENGTH, "transfer-encoding: identity"),
        ("transfer-encoding: xchunked",),
        ("transfer-encoding: chunked, identity",),
        (CHUNKED, CHUNKED),
        (LENGTH, LENGTH),
        (LENGTH, "content-length: 0"),
        (f"content-length: {len(GOOD)}, {len(GOOD)}",),
    ],
    ids=repr,
)
async def test_a_body_whose_length_is_said_twice_is_400(target: Attacked, lines: tuple[str, ...]) -> None:
    smuggled = target.head(LENGTH) + GOOD
    for body in (GOOD, ONE_CHUNK, b"0\r\n\r\n" + smuggled):
        reply = await target.exchange(target.head(*lines) + body)
        assert (reply.status, reply.error) == INVALID
    assert await _stored(target) == 0


@pytest.mark.parametrize("zeros", [1, 30, 5000])
async def test_zeros_before_a_length_are_no_part_of_it(target: Attacked, zeros: int) -> None:
    for length, status in ((len(GOOD), 200), (64 << 20, 413)):
        for lines in ((), ("origin: x",)):
            head = target.head(f"content-length: {'0' * zeros}{length}", CLOSE, *lines)
            assert (await target.exchange(head + GOOD)).status == status


@pytest.mark.parametrize("value", ["-1", "+46", "0x2e", "46a", "4 6", "", "1e2", "٤٦", "9" * 30])
async def test_a_length_that_is_no_number_is_400(target: Attacked, value: str) -> None:
    head = target.head("content-length: VALUE").replace(b"VALUE", value.encode())
    reply = await target.exchange(head + GOOD)
    assert (reply.status, reply.error) == INVALID


@pytest.mark.parametrize("value", [(32 << 20) + 1, (1 << 63) - 1, (1 << 64) - 1])
async def test_a_length_over_the_limit_is_413_and_no_body_is_read(target: Attacked, value: int) -> None:
    for lines in ((), ("expect: 100-continue",)):
        reply = await target.exchange(target.head(f"content-length: {value}", *lines))
        assert (reply.status, reply.error) == (413, "Request body too large")


@pytest.mark.parametrize("size", [b"-2e", b"zz", b"", b"0x2e", b"f" * 17, b"2e 2e"])
async def test_a_chunk_of_no_length_is_400(target: Attacked, size: bytes) -> None:
    reply = await target.exchange(target.head(CHUNKED) + size + b"\r\n" + GOOD + b"\r\n0\r\n\r\n")
    assert (reply.status, reply.error) == INVALID
    assert await _stored(target) == 0


async def test_trailers_and_chunk_extensions_are_no_headers(target: Attacked) -> None:
    """A second key in a trailer would make the first one doubtful; an encoding would change the body."""
    size = b"%x" % len(GOOD)
    trailers = b"x-api-key: other\r\ncontent-encoding: gzip\r\nidempotency-key: other\r\n"
    body = size + b";x-api-key=other\r\n" + GOOD + b"\r\n0\r\n" + trailers + b"\r\n"
    assert (await target.exchange(target.head(CHUNKED, CLOSE) + body)).status == 200
    assert await _stored(target) == 1


async def test_trailers_and_chunk_extensions_without_end_are_431(target: Attacked) -> None:
    chunk = b"%x\r\n%b\r\n0\r\nx-a: " % (len(GOOD), GOOD)
    for begin, more in ((chunk, b"a"), (chunk, b"b\r\nx-a: "), (b"2e;", b"a")):
        reply = await target.exchange(target.head(CHUNKED) + begin + more * (1 << 20))
        assert (reply.status, reply.error) == (431, "Request headers too large")
    assert await _stored(target) == 0


async def test_expect_100_is_answered_before_the_body_and_another_expectation_is_not_looked_at(
    target: Attacked,
) -> None:
    reader, writer = await target.open()
    writer.write(target.head(LENGTH, CLOSE, "expect: 100-continue"))
    async with asyncio.timeout(DEADLINE_S):
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(GOOD)
        assert Reply.read(await reader.read())[0].status == 200
    writer.close()
    assert (await target.post(GOOD, "expect: 200-ok")).status == 200


async def test_a_bad_key_never_gets_100_continue(target: Attacked) -> None:
    reply = await target.exchange(_request("x-api-key: no", LENGTH, "expect: 100-continue", body=b""))
    assert (reply.status, reply.error) == (403, "Invalid API Key")


@pytest.mark.parametrize(
    "goal",
    ["http://x/api/v1/track", "http://other:99/api/v1/track", "/api/v1/%74rack", "/api/v1/track?a=%ff#b"],
)
async def test_a_target_is_its_path_however_it_is_written(target: Attacked, goal: str) -> None:
    own = (f"x-api-key: {target.key}", LENGTH, CLOSE)
    assert (await target.exchange(_request(*own, first=f"POST {goal} HTTP/1.1"))).status == 200


@pytest.mark.parametrize(
    ("goal", "status"),
    [
        ("//api/v1/track", 404),
        ("/api/v1/track/", 404),
        ("/api/v1/./track", 404),
        ("/api/v1/x/../track", 404),
        ("/api/v1/track%2f", 404),
        ("/api/v1/track%00", 404),
        ("/%zz%ff", 404),
        ("*", 404),
        ("/\xff", 400),
        ("/\0", 400),
        ("api/v1/track", 400),
    ],
    ids=repr,
)
async def test_a_path_that_is_another_is_not_taken_for_ours(target: Attacked, goal: str, status: int) -> None:
    own = (f"x-api-key: {target.key}", LENGTH, CLOSE)
    reply = await target.exchange(_request(*own, first=f"POST {goal} HTTP/1.1"))
    assert (reply.status, reply.error) == (status, "Not found" if status == 404 else "Invalid request")


@pytest.mark.parametrize(
    "large",
    [
        ("GET /{a} HTTP/1.1",),
        ("GET /?{a} HTTP/1.1",),
        ("GET /healthz HTTP/1.1", "x-a: {a}"),
        ("GET /healthz HTTP/1.1", "{a}: b"),
        ("GET /healthz HTTP/1.1", "authorization: Bearer {a}", "x-a: {a}"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("size", [40_000, 1 << 20, 16 << 20])
async def test_a_head_over_32_kib_is_431(target: Attacked, large: tuple[str, ...], size: int) -> None:
    first, *lines = (line.format(a="a" * size) for line in large)
    reply = await target.exchange(_request(*lines, first=first, body=b""))
    assert (reply.status, reply.error) == (431, "Request headers too large")


async def test_a_head_of_31_kib_and_one_of_100_headers_are_read(target: Attacked) -> None:
    many = tuple(f"x-{number}: b" for number in range(96))
    for lines in (("x-a: " + "a" * 31_000,), many):
        assert (await target.post(GOOD, *lines)).status == 200
    reply = await target.post(GOOD, "x-a: b", *many)
    assert (reply.status, reply.error) == (431, "Request headers too large")


@pytest.mark.parametrize(
    "garbage",
    [
        bytes(range(256)) * 40,
        b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + b"a" * 100,
        b"GET /healthz\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
        b"GET /healthz HTTP/2.0\r\nhost: x\r\n\r\n",
        b"GET /healthz HTTP/1.2\r\nhost: x\r\n\r\n",
        b"GET /healthz FTP/1.1\r\nhost: x\r\n\r\n",
        b"GET /healthz HTTP/1.1\nhost: x\n\n",
        b"get /healthz HTTP/1.1\r\nhost: x\r\n\r\n",
        b"BREW /healthz HTTP/1.1\r\nhost: x\r\n\r\n",
        b"CONNECT x:443 HTTP/1.1\r\nhost: x\r\n\r\n",
        b"\xef\xbb\xbfGET /healthz HTTP/1.1\r\nhost: x\r\n\r\n",
        b'{"event_name":"tap","distinct_id":"user_1"}\r\n\r\n',
    ],
    ids=lambda garbage: repr(garbage[:24]),
)
async def test_what_is_no_http_1_1_is_400(target: Attacked, garbage: bytes) -> None:
    reply = await target.exchange(garbage)
    assert (reply.status, reply.error) == INVALID


async def test_http_1_0_is_answered_and_its_connection_closed(target: Attacked) -> None:
    own = (f"x-api-key: {target.key}", LENGTH)
    reply = await target.exchange(_request(*own, first="POST /api/v1/track HTTP/1.0"))
    assert (reply.status, reply.headers["connection"]) == (200, "close")


@pytest.mark.parametrize("framing", [LENGTH, CHUNKED])
@pytest.mark.parametrize("protocol", ["h2c", "websocket"])
async def test_an_offer_to_change_the_protocol_is_not_taken_and_the_body_is_read(
    target: Attacked, protocol: str, framing: str
) -> None:
    """Java's client offers h2c on every plain connection. The body must not be read as the next request."""
    offer = ("connection: upgrade, http2-settings", f"upgrade: {protocol}", "http2-settings: AAMAAABkAAQ")
    body = ONE_CHUNK if framing == CHUNKED else GOOD
    reader, writer = await target.open()
    for pieces in ((target.head(framing, *offer), body), (target.head(framing, *offer) + body,)):
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        async with asyncio.timeout(DEADLINE_S):
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200")
            assert await reader.readexactly(25) == b'{"ok":true,"commands":[]}'
    writer.close()
    assert await _stored(target) == 2


async def test_requests_sent_before_their_answers_are_answered_in_order(target: Attacked) -> None:
    good, bad = target.head(LENGTH) + GOOD, target.head(LENGTH) + b"?" * len(GOOD)
    last = target.head(LENGTH, CLOSE) + GOOD
    rest, statuses = await target.raw(good * 20 + bad + last), []
    while rest:
        reply, rest = Reply.read(rest)
        statuses.append(reply.status)
    assert statuses == [200] * 20 + [400, 200]
    assert await _stored(target) == 21


async def test_two_idempotency_keys_are_400(target: Attacked) -> None:
    reply = await target.post(GOOD, "idempotency-key: a", "idempotency-key: b")
    assert (reply.status, reply.error) == (400, "Invalid argument: more than one Idempotency-Key")
    assert await _stored(target) == 0


async def test_an_idempotency_key_may_be_long_and_an_empty_one_is_none(target: Attacked) -> None:
    for key in ("k" * 30_000, "", " "):
        for _ in range(2):
            assert (await target.post(GOOD, f"idempotency-key: {key}")).status == 200
    assert await _stored(target) == 5


async def test_two_content_encodings_are_415_and_an_empty_one_is_none(target: Attacked) -> None:
    reply = await target.post(GOOD, "content-encoding: gzip", "content-encoding: gzip")
    assert (reply.status, reply.error) == (415, "Unsupported Content-Encoding")
    assert (await target.post(GOOD, "content-encoding:")).status == 200

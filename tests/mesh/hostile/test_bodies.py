"""Bodies that are too large, too many, too deep, or something else than they say."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import Callable, Iterator

import brotli
import msgspec
import pytest
from backports import zstd

from tests.support.hostile import GOOD, Attacked

pytestmark = [pytest.mark.network, pytest.mark.disk, pytest.mark.asyncio(loop_scope="module")]

LIMIT = 32 << 20
TOO_LARGE = (413, "Request body too large")
INVALID = (400, "Invalid request body")
CHUNKED = "transfer-encoding: chunked"
ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda data: gzip.compress(data, 1),
    "deflate": lambda data: zlib.compress(data, 1),
    "zstd": zstd.compress,
    "br": lambda data: brotli.compress(data, quality=1),
}


def _padded(size: int) -> bytes:
    """A good event, with as much white space after it as makes it so large."""
    return GOOD + b" " * (size - len(GOOD))


def _chunks(body: bytes, size: int = 1 << 20) -> Iterator[bytes]:
    for at in range(0, len(body), size):
        piece = body[at : at + size]
        yield b"%x\r\n%b\r\n" % (len(piece), piece)
    yield b"0\r\n\r\n"


def _batch(count: int) -> bytes:
    operation = b'{"type":"alias","payload":{"alias_id":"aa","distinct_id":"neighbour"}}'
    return b'{"operations":[' + b",".join([operation] * count) + b"]}"


async def test_a_body_of_the_limit_is_stored_and_a_byte_more_is_413(target: Attacked) -> None:
    assert (await target.post(_padded(LIMIT))).status == 200
    reply = await target.post(_padded(LIMIT + 1))
    assert (reply.status, reply.error) == TOO_LARGE
    assert reply.headers["connection"] == "close"


async def test_a_chunked_body_of_the_limit_is_stored_and_a_byte_more_is_413(target: Attacked) -> None:
    head = target.head(CHUNKED, "connection: close")
    assert (await target.exchange(head, *_chunks(_padded(LIMIT)))).status == 200
    reply = await target.exchange(head, *_chunks(_padded(LIMIT + 1)))
    assert (reply.status, reply.error) == TOO_LARGE


async def test_a_chunked_body_without_end_is_413(target: Attacked) -> None:
    """Nothing after the limit is read: the client is told while it still sends."""
    reply = await target.exchange(target.head(CHUNKED), *list(_chunks(_padded(LIMIT + (4 << 20))))[:-1])
    assert (reply.status, reply.error) == TOO_LARGE


@pytest.mark.parametrize("encoding", ENCODERS)
async def test_the_limit_is_that_of_the_body_without_its_encoding(target: Attacked, encoding: str) -> None:
    encode = ENCODERS[encoding]
    assert (await target.post(encode(_padded(LIMIT)), f"content-encoding: {encoding}")).status == 200
    reply = await target.post(encode(_padded(LIMIT + 1)), f"content-encoding: {encoding}")
    assert (reply.status, reply.error) == TOO_LARGE


@pytest.mark.parametrize("encoding", ENCODERS)
async def test_a_body_that_is_not_what_its_encoding_says_is_400(target: Attacked, encoding: str) -> None:
    whole = ENCODERS[encoding](_padded(100_000))
    for body in (GOOD, b"", whole[:-3], whole + b"trailing", b"\xff\xff" + whole):
        reply = await target.post(body, f"content-encoding: {encoding}")
        assert (reply.status, reply.error) == INVALID, body[:40]


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
async def test_a_body_of_empty_members_is_400(target: Attacked, encoding: str) -> None:
    body = ENCODERS[encoding](b"") * (1 << 20)
    reply = await target.post(body, f"content-encoding: {encoding}")
    assert (reply.status, reply.error) == INVALID


@pytest.mark.parametrize("encoding", ["compress", "gzip, gzip", "gzip,br", "*", "gzip;q=1", "x" * 1000])
async def test_another_encoding_is_415(target: Attacked, encoding: str) -> None:
    reply = await target.post(gzip.compress(GOOD), f"content-encoding: {encoding}")
    assert (reply.status, reply.error) == (415, "Unsupported Content-Encoding")


async def test_a_batch_of_the_bound_is_stored_and_one_more_operation_is_413(target: Attacked) -> None:
    reply = await target.post(_batch(10_000), path="batch")
    assert (reply.status, msgspec.json.decode(reply.body)["aliases_received"]) == (200, 10_000)
    reply = await target.post(_batch(10_001), path="batch")
    assert (reply.status, reply.error) == (413, "Too many operations in one batch, split it: 10000 at most")


async def test_a_million_tiny_operations_are_413_and_leave_the_others_alone(target: Attacked) -> None:
    """Decided by counting: while one client sends such batches, another's requests are answered."""
    tiny = b'{"operations":[' + b"{}," * 1_000_000 + b"{}]}"
    many = asyncio.gather(*(target.post(tiny, path="batch") for _ in range(4)))
    served = 0
    while not many.done():
        assert (await target.post(GOOD)).status == 200
        served += 1
    assert {(reply.status, reply.error) for reply in await many} == {
        (413, "Too many operations in one batch, split it: 10000 at most")
    }
    assert served


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        (b'{"operations":[]}', 400, "No operations provided"),
        (b'{"operations":null}', 400, "No operations provided"),
        (b"{}", 400, "No operations provided"),
        (b'{"operations":[{}]}', 400, "unknown operation type"),
        (b'{"operations":[null]}', 400, "Invalid request body"),
        (b'{"operations":{}}', 400, "Invalid request body"),
        (b'{"operations":"[]"}', 400, "Invalid request body"),
        (b'{"operations":[[[[]]]]}', 400, "Invalid request body"),
        (b"[]", 400, "Invalid request body"),
        (b"null", 400, "Invalid request body"),
        (b"", 400, "Invalid request body"),
        (b"\xef\xbb\xbf" + _batch(1), 400, "Invalid request body"),
        (_batch(1) + b"{}", 400, "Invalid request body"),
        (_batch(1)[:-1], 400, "Invalid request body"),
        (_batch(1).decode().encode("utf-16"), 400, "Invalid request body"),
    ],
)
async def test_a_batch_that_is_none_is_400(target: Attacked, body: bytes, status: int, error: str) -> None:
    reply = await target.post(body, path="batch")
    assert (reply.status, reply.error) == (status, error)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"null",
        b"[]",
        b'"{}"',
        b"{",
        b"\xef\xbb\xbf" + GOOD,
        GOOD + GOOD,
        GOOD + b"\0",
        b"\0" * 100,
    ],
)
async def test_a_body_that_is_no_json_object_is_400(target: Attacked, body: bytes) -> None:
    for path in ("track", "people", "alias"):
        reply = await target.post(body, path=path)
        assert (reply.status, reply.error) == INVALID


def _nested(depth: int) -> list[bytes]:
    return [b'{"a":' * depth + b"1" + b"}" * depth, b'{"a":' + b"[" * depth + b"]" * depth + b"}"]


async def test_properties_nested_ten_thousand_deep_are_400_and_hundreds_deep_come_back(
    target: Attacked,
) -> None:
    for bag in _nested(10_000) + _nested(1_000_000):
        for field in (b"properties", b"default_properties", b"unknown"):
            reply = await target.post(b'{"event_name":"tap","distinct_id":"deep","%b":%b}' % (field, bag))
            assert (reply.status, reply.error) == INVALID
        reply = await target.post(b'{"distinct_id":"deep","properties":%b}' % bag, path="people")
        assert (reply.status, reply.error) == INVALID
        operation = (
            b'{"type":"track","payload":{"event_name":"tap","distinct_id":"deep","properties":%b}}' % bag
        )
        reply = await target.post(b'{"operations":[%b]}' % operation, path="batch")
        assert (reply.status, reply.error) == INVALID
    for bag in _nested(10_000):
        reply = await target.post(bag)
        assert (reply.status, reply.error) == INVALID
    deep = _nested(500) + _nested(900)
    for bag in deep:
        reply = await target.post(b'{"event_name":"tap","distinct_id":"deep","properties":%b}' % bag)
        assert reply.status == 200
    stored = {bytes(event["properties"]) for event in await target.events("&distinct_id=deep")}
    assert stored == set(deep)


async def test_of_a_repeated_key_the_last_counts_and_in_a_bag_all_come_back(target: Attacked) -> None:
    bag = b'{"a":1,"a":2,"":{},"":[],"$session_id":"one","$session_id":"two"}'
    body = (
        b'{"event_name":"first","event_name":"last","distinct_id":"other","distinct_id":"twice",'
        b'"properties":{"gone":1},"properties":%b}' % bag
    )
    assert (await target.post(body)).status == 200
    (event,) = await target.events("&distinct_id=twice")
    assert bytes(event["event_name"]) == b'"last"'
    assert bytes(event["session_id"]) == b'"two"'
    assert bytes(event["properties"]) == bag


async def test_of_a_repeated_trait_the_last_counts(target: Attacked) -> None:
    body = b'{"distinct_id":"twice","properties":{"plan":"free","plan":"pro"}}'
    assert (await target.post(body, path="people")).status == 200
    await target.cell.flushed()
    assert b'"properties":{"plan":"pro"}' in await target.get("people/twice")


async def test_more_traits_than_a_person_may_be_sent_are_413(target: Attacked) -> None:
    def person(count: int) -> bytes:
        return b'{"distinct_id":"many","properties":{%b}}' % b",".join(
            b'"%x":1' % each for each in range(count)
        )

    reply = await target.post(person(10_000), path="people")
    assert reply.status == 200
    text = "Too many properties: 10000 at most for one person, 100000 for the people of one batch"
    for count in (10_001, 3_000_000):
        reply = await target.post(person(count), path="people")
        assert (reply.status, reply.error) == (413, text)
    operation = b'{"type":"people","payload":%b}' % person(10_000)
    reply = await target.post(b'{"operations":[%b]}' % b",".join([operation] * 11), path="batch")
    assert (reply.status, reply.error) == (413, text)
    large = b'{"distinct_id":"large","properties":{"a":"%b"}}' % (b"x:" * (1 << 20))
    reply = await target.post(large, path="people")
    assert (reply.status, reply.error) == (413, text)
    large = large.replace(b":xx", b"xxx").replace(b"x:", b"xx")
    assert (await target.post(large, path="people")).status == 200


async def test_a_property_of_tens_of_mib_comes_back(target: Attacked) -> None:
    bag = b'{"a":"%b"}' % (b"x" * (24 << 20))
    assert (
        await target.post(b'{"event_name":"tap","distinct_id":"large","properties":%b}' % bag)
    ).status == 200
    await target.cell.flushed()
    assert bag in await target.get("events?distinct_id=large")

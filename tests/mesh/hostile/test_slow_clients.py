"""Clients that take their time, leave half-way or stop listening: each costs a connection, not for long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from tests.support.cell import Cell
from tests.support.hostile import (
    DEADLINE_S,
    GOOD,
    Attacked,
    Reply,
    all_of,
    attackable,
    attacked,
    small_window,
)
from tests.support.shim import until

pytestmark = [pytest.mark.network, pytest.mark.disk, pytest.mark.asyncio(loop_scope="module")]

DRIP_S = 0.02


@pytest_asyncio.fixture(loop_scope="module")
async def hasty(pki: Path, cell: Cell) -> AsyncIterator[Attacked]:
    """A shim that loses its patience soon."""
    bounds = {"header_timeout_s": 1.0, "body_timeout_s": 2.5, "idle_timeout_s": 1.5}
    async with attackable(pki, cell, **bounds) as shim, attacked(shim, cell) as running:
        yield running


async def _drip(target: Attacked, first: bytes, drop: bytes) -> Reply:
    """Sends `first`, then a drop at a time until the shim has had enough; what it says."""
    reader, writer = await target.open()
    writer.write(first)
    answer = asyncio.create_task(all_of(reader))
    try:
        async with asyncio.timeout(DEADLINE_S):
            while not answer.done():
                writer.write(drop)
                await asyncio.sleep(DRIP_S)
            reply, rest = Reply.read(await answer)
            assert not rest
            return reply
    finally:
        writer.close()


async def test_a_head_that_comes_drop_by_drop_is_408(hasty: Attacked) -> None:
    reply = await _drip(hasty, b"POST /api/v1/track HTTP/1.1\r\nhost: x\r\n", b"x-a: b\r\n")
    assert (reply.status, reply.error) == (408, "Request timeout")
    assert reply.headers["connection"] == "close"


async def test_a_body_that_comes_drop_by_drop_is_408(hasty: Attacked) -> None:
    reply = await _drip(hasty, hasty.head("content-length: 100000"), b" ")
    assert (reply.status, reply.error) == (408, "Request timeout")


async def test_a_body_that_stops_is_408(hasty: Attacked) -> None:
    for length in ("content-length: 1000", "transfer-encoding: chunked"):
        reply = await hasty.exchange(hasty.head(length))
        assert (reply.status, reply.error) == (408, "Request timeout")


async def test_a_chunk_that_never_ends_is_408(hasty: Attacked) -> None:
    reply = await _drip(hasty, hasty.head("transfer-encoding: chunked"), b"1\r\n \r\n")
    assert (reply.status, reply.error) == (408, "Request timeout")


async def test_a_connection_that_says_nothing_is_closed(hasty: Attacked) -> None:
    assert await hasty.raw() == b""


async def test_blank_lines_do_not_keep_an_idle_connection_open(pki: Path, cell: Cell) -> None:
    bounds = {"header_timeout_s": 1.0, "keep_alive_s": 1.5}
    async with attackable(pki, cell, **bounds) as shim, attacked(shim, cell) as target:
        length = f"content-length: {len(GOOD)}"
        reply = await _drip(target, target.head(length) + GOOD, b"\r\n")
        assert reply.status == 200


async def test_a_body_sent_after_its_refusal_does_not_keep_the_connection_open(hasty: Attacked) -> None:
    reply = await _drip(hasty, hasty.head("content-length: 100000", key=False), b" ")
    assert (reply.status, reply.error) == (401, "Missing API key")


async def test_a_body_that_nobody_asked_for_does_not_keep_the_connection_open(hasty: Attacked) -> None:
    head = hasty.head("content-length: 100000", path="/healthz", method="GET", key=False)
    assert (await _drip(hasty, head, b" ")).status == 200


async def test_who_does_not_read_the_answer_loses_the_connection(hasty: Attacked) -> None:
    """Pages of 100 kB each, asked for without end and never read."""
    await hasty.post(
        b'{"event_name":"tap","distinct_id":"user_1","properties":{"a":"%s"}}' % (b"x" * 100_000)
    )
    await hasty.cell.flushed()
    made = small_window()
    await asyncio.get_running_loop().sock_connect(made, ("127.0.0.1", hasty.port))
    reader, writer = await asyncio.open_connection(sock=made)
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    path = f"/api/v1/projects/{hasty.project_id}/events"
    ask = hasty.head(f"authorization: Bearer {hasty.token}", path=path, method="GET", key=False)
    writer.write(ask * 100)

    def cut() -> bool:
        writer.write(b"\r\n")
        return writer.transport.is_closing()

    await until(cut, seconds=DEADLINE_S)
    assert not reader.at_eof()


async def test_who_has_sent_all_and_closes_that_side_is_answered(target: Attacked) -> None:
    reader, writer = await target.open()
    writer.write(target.head(f"content-length: {len(GOOD)}") + GOOD)
    writer.write_eof()
    async with asyncio.timeout(DEADLINE_S):
        reply, rest = Reply.read(await reader.read())
    assert (reply.status, rest) == (200, b"")
    assert reply.headers["connection"] == "close"


async def test_who_closes_in_the_middle_of_a_body_stores_nothing(target: Attacked) -> None:
    for last in (b"", b'{"event_name":"tap","distinct_id":"half"}'):
        reader, writer = await target.open()
        writer.write(target.head("content-length: 1000") + last)
        writer.write_eof()
        async with asyncio.timeout(DEADLINE_S):
            assert await reader.read() == b""
    assert not await target.events("&distinct_id=half")


async def test_who_leaves_in_the_middle_of_a_chunk_stores_nothing(target: Attacked) -> None:
    _, writer = await target.open()
    writer.write(
        target.head("transfer-encoding: chunked") + b"29\r\n" + b'{"event_name":"tap","distinct_id":"half"}'
    )
    await writer.drain()
    writer.transport.abort()
    assert not await target.events("&distinct_id=half")


async def test_connections_over_the_bound_are_503_and_take_no_others_place(pki: Path, cell: Cell) -> None:
    async with attackable(pki, cell, max_connections=8) as shim, attacked(shim, cell) as target:
        held = [await target.open() for _ in range(8)]
        for _, writer in held:
            writer.write(b"POST ")
        refused = Reply.read(await target.raw(target.head(f"content-length: {len(GOOD)}") + GOOD))[0]
        assert (refused.status, refused.error) == (503, "Service temporarily unavailable")
        assert refused.headers["retry-after"] == "1"
        reader, writer = held[0]
        writer.write(target.head(f"content-length: {len(GOOD)}")[len("POST ") :] + GOOD)
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        for _, each in held:
            each.transport.abort()

        async def room() -> bool:
            return b"HTTP/1.1 200" in await target.raw(
                target.head("connection: close", path="/healthz", method="GET")
            )

        async with asyncio.timeout(DEADLINE_S):
            while not await room():  # noqa: ASYNC110 - until the shim has seen them leave
                await asyncio.sleep(0.01)


async def test_what_follows_a_good_request_and_is_no_http_does_not_take_its_answer(target: Attacked) -> None:
    reply = await target.exchange(
        target.head(f"content-length: {len(GOOD)}") + GOOD + b"\x00\x01garbage\r\n\r\n"
    )
    assert (reply.status, msgspec.json.decode(reply.body)) == (200, {"ok": True, "commands": []})

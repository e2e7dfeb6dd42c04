"""The short way of plain ingestion requests gives the answers of the long one, byte for byte."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvloop

from sankofa.residency.v1.error_pb2 import ErrorReason
from services.rest.express import Express, ExpressCycle
from services.rest.protocol import PublicProtocol
from tests.support.shim import (
    FOREIGN,
    LIVE,
    SHELVED,
    Recorder,
    Running,
    known_here,
    start_recorder,
    start_shim,
    until,
)

pytestmark = [pytest.mark.network, pytest.mark.disk]

EVENT = b'{"event_name":"tap","distinct_id":"user_1"}'
SCREEN = b'{"event_name":"$screen","distinct_id":"user_1","properties":{"$screen_name":"Home"}}'


@dataclass
class BothWays:
    """One shim that samples no request for a trace, one that samples each; and what went the short way."""

    short: Running
    long: Running
    cell: Recorder
    boarded: list[ExpressCycle]


@pytest.fixture
def event_loop_policy() -> asyncio.AbstractEventLoopPolicy:
    """The loop that the server runs on."""
    return uvloop.EventLoopPolicy()


@pytest.fixture
async def both(pki: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[BothWays]:
    """Two shims before one cell."""
    boarded: list[ExpressCycle] = []
    board = Express.board

    def watched(self: Express, protocol: PublicProtocol) -> ExpressCycle | None:
        cycle = board(self, protocol)
        if cycle is not None:
            boarded.append(cycle)
        return cycle

    monkeypatch.setattr(Express, "board", watched)
    async with AsyncExitStack() as stack:
        directory, cell = known_here(), Recorder()
        cell.gate.set()
        cell.refuse["full"] = ErrorReason.ERROR_REASON_LOG_FULL
        address = await start_recorder(stack, pki, directory, cell)
        short = await start_shim(stack, pki, directory, cell_address=address, trace_ratio=0.0)
        long = await start_shim(stack, pki, directory, cell_address=address, trace_ratio=1.0)
        yield BothWays(short, long, cell, boarded)


def request(body: bytes, *lines: str, path: str = "track", key: str = LIVE) -> bytes:
    length = f"content-length: {len(body)}"
    head = [
        f"POST /api/v1/{path} HTTP/1.1",
        "host: x",
        *([f"x-api-key: {key}"] if key else []),
        length,
        *lines,
    ]
    return "\r\n".join((*head, "", "")).encode() + body


async def answers(shim: Running, *pieces: bytes) -> bytes:
    """All that is answered until the shim ends the connection, without the ids that it made up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", shim.server.public_port)
    try:
        async with asyncio.timeout(20):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            found = await reader.read()
    finally:
        writer.close()
    return re.sub(rb"req_[0-9a-f]{26}", b"req_", found)


CLOSE = "connection: close"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (request(EVENT, CLOSE), 200),
        (request(EVENT, CLOSE, "x-request-id: mine"), 200),
        (request(EVENT, CLOSE, "x-request-id: not valid"), 200),
        (request(EVENT, CLOSE, "user-agent: Phone/1", "idempotency-key: k"), 200),
        (request(SCREEN, CLOSE), 200),
        (request(b'{"distinct_id":"user_1","properties":{"a":1}}', CLOSE, path="people"), 200),
        (request(b'{"distinct_id":"user_1","alias_id":"anon"}', CLOSE, path="alias"), 200),
        (request(b'{"operations":[{"type":"track","payload":' + EVENT + b"}]}", CLOSE, path="batch"), 200),
        (request(b'{"event_name":"tap","distinct_id":"x"}', CLOSE), 202),
        (request(b'{"operations":[]}', CLOSE, path="batch"), 400),
        (request(b"nonsense", CLOSE), 400),
        (request(b'{"event_name":1}', CLOSE), 400),
        (request(b"", CLOSE), 400),
        (request(EVENT, CLOSE, key=FOREIGN), 403),
        (request(EVENT, CLOSE, key=SHELVED), 403),
        (request(EVENT, CLOSE, key="sk_live_unknown"), 403),
        (request(b'{"event_name":"tap","distinct_id":"full"}', CLOSE), 503),
    ],
)
async def test_the_answer_is_the_same_either_way(both: BothWays, sent: bytes, status: int) -> None:
    short = await answers(both.short, sent)
    assert len(both.boarded) == 1
    assert short.startswith(b"HTTP/1.1 %d " % status)
    assert short == await answers(both.long, sent)
    assert len(both.boarded) == 1
    for item in both.cell.items:
        item.request_id, item.traceparent = 0, ""
    assert len({item.SerializeToString(deterministic=True) for item in both.cell.items}) <= 1


@pytest.mark.parametrize(
    "sent",
    [
        request(EVENT, CLOSE, key=""),
        request(EVENT, CLOSE, f"x-api-key: {LIVE}"),
        request(EVENT, CLOSE, "expect: 100-continue"),
        request(EVENT, CLOSE, "origin: https://shop.example"),
        request(EVENT, CLOSE, "content-encoding: identity"),
        request(EVENT, CLOSE, "traceparent: 00-" + "1" * 32 + "-" + "2" * 16 + "-01"),
        request(EVENT, CLOSE).replace(b"POST", b"PUT"),
        request(EVENT, CLOSE).replace(b"HTTP/1.1", b"HTTP/1.0"),
        request(EVENT, CLOSE).replace(b"/track", b"/track?a=b"),
        request(b'{"event_name":"' + b"x" * 300_000 + b'","distinct_id":"user_1"}', CLOSE),
    ],
)
async def test_what_is_not_plain_takes_the_long_way(both: BothWays, sent: bytes) -> None:
    assert await answers(both.short, sent) == await answers(both.long, sent)
    assert both.boarded == []


async def test_requests_that_come_all_at_once_are_answered_in_their_order(both: BothWays) -> None:
    several = [request(EVENT, f"x-request-id: r{number}") for number in range(5)]
    sent = b"".join((*several, request(SCREEN, "x-request-id: last", CLOSE)))
    short = await answers(both.short, sent)
    assert re.findall(rb"x-request-id: (\w+)", short) == [b"r0", b"r1", b"r2", b"r3", b"r4", b"last"]
    assert short == await answers(both.long, sent)
    assert both.boarded, "the first of them is plain"


async def test_a_body_that_comes_in_pieces_is_one_event(both: BothWays) -> None:
    sent = request(EVENT, CLOSE)
    pieces = [sent[at : at + 7] for at in range(0, len(sent), 7)]
    assert (await answers(both.short, *pieces)).startswith(b"HTTP/1.1 200 ")
    assert [item.operations[0].track.distinct_id for item in both.cell.items] == ["user_1"]
    assert len(both.boarded) == 1


async def test_a_client_that_leaves_gives_its_place_back(both: BothWays) -> None:
    def in_hand() -> float:
        return both.short.shim.health.gauges()["rest_inflight_requests"]

    half = request(EVENT)[:-5]
    for sent in (half, request(EVENT)):
        both.cell.gate.clear()
        _, writer = await asyncio.open_connection("127.0.0.1", both.short.server.public_port)
        writer.write(sent)
        await until(lambda: in_hand() == 1)
        writer.transport.abort()
        both.cell.gate.set()
        await until(lambda: in_hand() == 0)
    assert len(both.boarded) == 2


async def test_a_shim_that_stops_answers_what_is_on_its_way(both: BothWays) -> None:
    both.cell.gate.clear()
    waiting = asyncio.create_task(answers(both.short, request(EVENT)))
    await until(lambda: bool(both.cell.frames))
    draining = asyncio.create_task(both.short.server.drain(5.0))
    await asyncio.sleep(0)
    both.cell.gate.set()
    assert (await waiting).startswith(b"HTTP/1.1 200 ")
    await draining

"""What a shim has in hand is bounded in bytes, however a body comes, and 503 is said before the body."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from tests.support.nodes import EU
from tests.support.shim import LIVE, Recorder, Running, known_here, start_recorder, start_shim, until

pytestmark = [pytest.mark.network, pytest.mark.disk]

MIB = 1 << 20
BODY = b'{"event_name":"tap","distinct_id":"user_1","properties":{"t":"' + b"x" * (MIB - 1000) + b'"}}'
SENT = 30


@pytest.fixture
async def full(pki: Path) -> AsyncIterator[tuple[Running, Recorder]]:
    """A shim that may hold 8 MiB, 6.4 of one project; its cell does not answer until its gate opens."""
    async with AsyncExitStack() as stack:
        directory, cell = known_here(), Recorder()
        address = await start_recorder(stack, pki, directory, cell)
        settings = {"max_inflight_requests": 1000, "max_inflight_bytes": 8 * MIB}
        running = await start_shim(stack, pki, directory, cell_address=address, **settings)
        yield running, cell


async def pieces() -> AsyncIterator[bytes]:
    """The body without its length."""
    for start in range(0, len(BODY), 65536):
        yield BODY[start : start + 65536]


@pytest.mark.parametrize("how", ["whole", "chunked", "compressed"])
async def test_no_more_bytes_are_in_hand_than_a_projects_share(
    full: tuple[Running, Recorder], how: str
) -> None:
    running, cell = full
    headers = {"x-api-key": LIVE} | ({"content-encoding": "gzip"} if how == "compressed" else {})

    async def post() -> httpx.Response:
        content = {"whole": BODY, "chunked": pieces(), "compressed": gzip.compress(BODY)}[how]
        return await running.http.post("/api/v1/track", headers=headers, content=content, timeout=60)

    posts = [asyncio.create_task(post()) for _ in range(SENT)]
    gauges = running.shim.health.gauges

    def waiting() -> float:
        return gauges()["rest_waiting_requests"] + gauges()["rest_unanswered_requests"]

    await until(lambda: waiting() + gauges()["rest_refused_project_share"] == SENT, seconds=20)
    held = int(waiting())
    assert held * (MIB - 1000) <= gauges()["rest_inflight_bytes"] <= 6.4 * MIB
    # Those that do not say their size begin all at once, and may push each other out.
    assert held == 6 if how == "whole" else 0 < held <= 6
    cell.gate.set()
    answers = await asyncio.gather(*posts)
    assert sorted(answer.status_code for answer in answers) == [200] * held + [503] * (SENT - held)
    assert gauges()["rest_inflight_bytes"] == gauges()["rest_inflight_requests"] == 0


async def test_over_the_bound_503_comes_before_the_body_with_the_region(
    full: tuple[Running, Recorder],
) -> None:
    running, cell = full
    headers = {"x-api-key": LIVE}
    posts = [
        asyncio.create_task(running.http.post("/api/v1/track", headers=headers, content=BODY, timeout=60))
        for _ in range(6)
    ]
    await until(lambda: running.shim.health.gauges()["rest_inflight_requests"] == 6, seconds=20)
    reader, writer = await asyncio.open_connection("127.0.0.1", running.server.public_port)
    head = f"POST /api/v1/track HTTP/1.1\r\nhost: x\r\nx-api-key: {LIVE}\r\ncontent-length: {MIB}\r\n\r\n"
    writer.write(head.encode())
    async with asyncio.timeout(5):
        answer = (await reader.read()).decode().lower()
    writer.close()
    assert answer.startswith("http/1.1 503")
    assert 6 <= running.server.gauges()["rest_connections"] <= 7
    assert "\r\nretry-after: 1\r\n" in answer
    assert f"\r\nx-sankofa-region: {EU}\r\n" in answer
    cell.gate.set()
    assert {post.status_code for post in await asyncio.gather(*posts)} == {200}

"""The rate limit of a key over two REST processes and one cell, on real ports; its clock is the test's."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from storage.analytics.engine import Engine
from tests.support import rows
from tests.support.cell import Cell, open_cell
from tests.support.nodes import EU
from tests.support.shim import Running, start_shim

pytestmark = [pytest.mark.network, pytest.mark.disk]

LIMIT = 100
KEY, OTHER = (f"sk_live_{letter * 32}" for letter in "de")


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@dataclass
class Region:
    """One cell and two shims."""

    cell: Cell
    shims: list[Running]
    clock: Clock

    async def post(self, at: int, key: str = KEY) -> httpx.Response:
        return await self.shims[at].track(key=key)


@pytest.fixture
async def region(pki: Path, tmp_path: Path, engine: Engine) -> AsyncIterator[Region]:
    clock = Clock()
    async with open_cell(pki, tmp_path / "eu", engine, rate_clock=clock) as cell, AsyncExitStack() as stack:
        for key in (KEY, OTHER):
            await cell.directory.apply([rows.api_key(key, EU, await cell.project())])
        address = f"127.0.0.1:{cell.server.internal_port}"
        settings = {"rate_limit_per_minute": LIMIT, "max_inflight_requests": 1000}
        shims = [
            await start_shim(stack, pki, cell.directory, cell_address=address, **settings) for _ in range(2)
        ]
        yield Region(cell, shims, clock)


async def test_two_processes_share_one_budget_to_the_last_request(region: Region) -> None:
    """Both at once, then each until it is told to wait for a whole lease and more: nothing is left unused."""
    answers = Counter[int]()
    for _ in range(5):
        burst = await asyncio.gather(*(region.post(number % 2) for number in range(30)))
        answers.update(answer.status_code for answer in burst)
    async with asyncio.timeout(30):
        while answers[200] < LIMIT:
            answers[(await region.post(answers.total() % 2)).status_code] += 1
    for at in (0, 1) * 20:
        answers[(await region.post(at)).status_code] += 1
    assert answers[200] == LIMIT
    assert answers.keys() == {200, 429}
    assert (await region.post(0, OTHER)).status_code == 200


async def test_what_is_over_the_limit_is_refused_before_its_body_and_told_when_to_come_again(
    region: Region,
) -> None:
    await asyncio.gather(*(region.post(0) for _ in range(LIMIT)))
    region.clock.now_s += 20
    reader, writer = await asyncio.open_connection("127.0.0.1", region.shims[1].server.public_port)
    head = f"POST /api/v1/batch HTTP/1.1\r\nhost: x\r\nx-api-key: {KEY}\r\ncontent-length: 900000\r\n\r\n"
    writer.write(head.encode())
    async with asyncio.timeout(5):
        answer = (await reader.read()).decode().lower()
    writer.close()
    assert answer.startswith("http/1.1 429")
    assert "\r\nretry-after: 40\r\n" in answer
    assert '"error":"rate limit exceeded. please wait a moment."' in answer
    region.clock.now_s += 40
    async with asyncio.timeout(10):  # the process that refused asks again a second later
        while (await region.post(1)).status_code == 429:
            pass


async def test_a_refused_request_is_counted_by_the_request_and_not_by_its_events(region: Region) -> None:
    operation = {"type": "track", "payload": {"event_name": "tap", "distinct_id": "user_1"}}
    body = {"operations": [operation] * (LIMIT + 1)}
    for at in (0, 1):
        answer = await region.shims[at].http.post("/api/v1/batch", headers={"x-api-key": KEY}, json=body)
        assert answer.status_code == 200


async def test_requests_without_a_key_are_counted_by_address(region: Region) -> None:
    statuses = [(await region.post(0, key="")).status_code for _ in range(LIMIT + 1)]
    assert statuses == [401] * LIMIT + [429]
    assert (await region.post(0)).status_code == 200


async def test_no_limit_where_it_is_set_to_zero(pki: Path, cell: Cell) -> None:
    await cell.directory.apply([rows.api_key(KEY, EU, await cell.project())])
    async with AsyncExitStack() as stack:
        address = f"127.0.0.1:{cell.server.internal_port}"
        settings = {"rate_limit_per_minute": 0, "max_inflight_requests": 1000}
        shim = await start_shim(stack, pki, cell.directory, cell_address=address, **settings)
        for _ in range(12):
            answers = await asyncio.gather(*(shim.track(key=KEY) for _ in range(50)))
            assert {answer.status_code for answer in answers} == {200}

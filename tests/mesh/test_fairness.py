"""A noisy project and a quiet one of the same region, over real HTTP: who is served, who is told to wait."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support import rows
from tests.support.cell import Cell
from tests.support.nodes import EU
from tests.support.shim import Running, start_shim

pytestmark = [pytest.mark.network, pytest.mark.disk]

NOISY, QUIET = (f"sk_live_{letter * 32}" for letter in "ab")
CONNECTIONS = 40
EVENT = {"event_name": "tap", "distinct_id": "user_1", "properties": {"text": "x" * 400}}
BATCH = {"operations": [{"type": "track", "payload": EVENT}] * 200}


class Flood:
    """Posts large batches over many connections, without a pause, and counts what is answered."""

    def __init__(self, shim: Running) -> None:
        self.answers = Counter[int]()
        self.retry_after: set[str | None] = set()
        self._base_url = str(shim.http.base_url)

    async def post(self) -> None:
        limits = httpx.Limits(max_connections=CONNECTIONS)
        client = httpx.AsyncClient(base_url=self._base_url, limits=limits, timeout=60)
        async with client as http, asyncio.TaskGroup() as posting:
            for _ in range(CONNECTIONS):
                posting.create_task(self._post(http))

    async def _post(self, http: httpx.AsyncClient) -> None:
        while True:
            answer = await http.post("/api/v1/batch", headers={"x-api-key": NOISY}, json=BATCH)
            self.answers[answer.status_code] += 1
            if answer.status_code != 200:
                self.retry_after.add(answer.headers.get("retry-after"))


@pytest.fixture
async def shim(pki: Path, cell: Cell) -> AsyncIterator[Running]:
    """A shim that may have 20 requests in hand, in front of a real cell."""
    for key in (NOISY, QUIET):
        await cell.directory.apply([rows.api_key(key, EU, await cell.project())])
    async with AsyncExitStack() as stack:
        address = f"127.0.0.1:{cell.server.internal_port}"
        settings: dict[str, Any] = {"max_inflight_requests": 20, "max_frame_bytes": 256 << 10}
        yield await start_shim(stack, pki, cell.directory, cell_address=address, **settings)


async def test_a_quiet_project_is_served_all_the_while_a_noisy_one_floods(shim: Running) -> None:
    assert (await shim.track(key=QUIET)).status_code == 200
    flood = Flood(shim)
    flooding = asyncio.create_task(flood.post())
    try:
        async with asyncio.timeout(60):
            quiet = []
            while len(quiet) < 30 or not (flood.answers[503] and flood.answers[200]):
                quiet.append((await shim.track(key=QUIET)).status_code)
    finally:
        flooding.cancel()
        await asyncio.gather(flooding, return_exceptions=True)
    assert set(quiet) == {200}
    assert flood.answers.keys() == {200, 503}
    assert all(after is not None and 1 <= int(after) <= 60 for after in flood.retry_after)
    gauges = shim.shim.health.gauges()
    assert gauges["rest_refused_project_share"] >= flood.answers[503]
    assert gauges["rest_refused_in_flight_full"] == 0

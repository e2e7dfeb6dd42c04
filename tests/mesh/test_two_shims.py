"""Two REST processes of one region: a request that is made on both at the same time happens once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.org.config import OrgConfig
from storage.analytics.engine import Engine
from tests.support.cells import Cells, RunningCell, until
from tests.support.nodes import EU
from tests.support.shim import start_shim

pytestmark = [pytest.mark.disk, pytest.mark.network]

ROUNDS = 10


@dataclass
class Pair:
    """Two shims in front of one cell, each with a client."""

    cell: RunningCell
    shims: list[httpx.AsyncClient]
    key: str

    async def both(self, path: str, *bodies: Any, **headers: str) -> list[httpx.Response]:
        """The same path on both at once, each with its body."""
        sent = {"x-api-key": self.key, **headers}
        pairs = zip(self.shims, bodies, strict=True)
        return await asyncio.gather(*(shim.post(path, json=body, headers=sent) for shim, body in pairs))

    def stored(self) -> int:
        return self.cell.log.stats().appended


@pytest.fixture
async def pair(pki: Path, tmp_path: Path, engine: Engine) -> AsyncIterator[Pair]:
    async with (
        Cells(pki, tmp_path, (EU,), OrgConfig(heartbeat_s=0.1), engine=engine) as cells,
        AsyncExitStack() as stack,
    ):
        project = await cells.create(await cells.sign_up(EU), EU)
        cell = cells.of[EU]
        internal = f"127.0.0.1:{cell.internal_port}"
        shims = [await start_shim(stack, pki, cell.directory, cell_address=internal) for _ in range(2)]
        yield Pair(cell, [shim.http for shim in shims], project.live_key.secret)


def batch(*names: str) -> dict[str, Any]:
    payloads = [{"event_name": name, "distinct_id": "user_1"} for name in names]
    return {"operations": [{"type": "track", "payload": payload} for payload in payloads]}


async def test_the_same_key_and_body_on_both_is_stored_once_and_answered_alike(pair: Pair) -> None:
    for number in range(ROUNDS):
        before, body = pair.stored(), batch("a", "b", "c")
        first, second = await pair.both("/api/v1/batch", body, body, **{"idempotency-key": f"k{number}"})
        assert (first.status_code, first.json()) == (200, second.json())
        assert pair.stored() == before + 3


async def test_the_same_key_with_another_body_is_409_on_one_of_them(pair: Pair) -> None:
    for number in range(ROUNDS):
        before = pair.stored()
        key = {"idempotency-key": f"other{number}"}
        answers = await pair.both("/api/v1/batch", batch("a"), batch("a", "b"), **key)
        assert sorted(answer.status_code for answer in answers) == [200, 409]
        assert pair.stored() - before in (1, 2)


async def test_the_same_event_id_on_both_is_one_event(pair: Pair) -> None:
    for number in range(ROUNDS):
        body = {"event_name": "once", "distinct_id": "user_1", "event_id": f"id-{number}"}
        answers = await pair.both("/api/v1/track", body, body)
        assert [answer.status_code for answer in answers] == [200, 200]

    async def all_of_them() -> bool:
        assert pair.cell.engine is not None
        counted = await pair.cell.engine.query("SELECT count() FROM events FINAL WHERE event_name = 'once'")
        return counted == [(ROUNDS,)]

    await until(all_of_them)

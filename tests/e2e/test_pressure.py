"""One project floods its region, whose log is small: its neighbour and the other regions do not notice."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from cli.client import PublicClient
from cli.meshfile import DemoProject
from tests.support.load import Load, assert_exactly_once, token_of
from tests.support.nodes import EU, US
from tests.support.running import RunningMesh, fresh_mesh, until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

CONNECTIONS = 8
EVENTS = 100
EVENT = {"event_name": "flood", "distinct_id": "user_1", "properties": {"text": "x" * 5_000}}
BATCH = {"operations": [{"type": "track", "payload": EVENT}] * EVENTS}


@dataclass
class Flood:
    """Half a megabyte at a time, over many connections, without a pause."""

    url: str
    project: DemoProject
    answers: Counter[int] = field(default_factory=Counter)
    retry_after: set[str] = field(default_factory=set)

    async def post(self) -> None:
        async with asyncio.TaskGroup() as posting:
            for _ in range(CONNECTIONS):
                posting.create_task(self._post())

    async def _post(self) -> None:
        headers = {"x-api-key": self.project.keys["live"]}
        async with httpx.AsyncClient(base_url=self.url, timeout=30, trust_env=False) as client:
            while True:
                answer = await client.post("/api/v1/batch", json=BATCH, headers=headers)
                self.answers[answer.status_code] += 1
                if answer.status_code == 503:
                    self.retry_after.add(answer.headers["retry-after"])

    async def has_been_refused(self) -> None:
        """Waits until it was, and was served as well."""

        async def refused() -> bool:
            return self.answers[503] >= 50 and self.answers[200] >= 10

        await until(refused, f"the flood is refused: {dict(self.answers)}")


async def neighbour_of(mesh: RunningMesh, project: DemoProject) -> DemoProject:
    """Another project in the same region."""
    token = await token_of(mesh, mesh.file.global_url)
    async with PublicClient(mesh.file.global_url) as client:
        made = await client.create_project(
            token, org_id=project.org_id, name="Quiet shop", region=project.region
        )
    keys = {environment: key["secret"] for environment, key in made["keys"].items()}
    return DemoProject(made["project"]["id"], project.org_id, "Quiet shop", project.region, keys)


async def test_a_flood_is_refused_and_neither_its_neighbour_nor_another_region_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SANKOFA_CELL_LOG_BYTES", str(8 << 20))
    with fresh_mesh(tmp_path) as mesh:
        noisy = mesh.project(EU)
        quiet = Load(mesh.file.regions[EU].rest_url, await neighbour_of(mesh, noisy))
        abroad = Load(mesh.file.regions[US].rest_url, mesh.project(US))
        flood = Flood(mesh.file.regions[EU].rest_url, noisy)
        flooding = asyncio.create_task(flood.post())
        async with quiet.running(), abroad.running():
            await flood.has_been_refused()
            await quiet.has_acknowledged(400)
            await abroad.has_acknowledged(400)
        flooding.cancel()
        with suppress(asyncio.CancelledError):
            await flooding

        assert (quiet.refused, abroad.refused) == (Counter(), Counter())
        assert flood.answers.keys() == {200, 503}
        assert all(1 <= int(seconds) <= 60 for seconds in flood.retry_after)
        await assert_exactly_once(mesh, quiet)
        await assert_exactly_once(mesh, abroad)
        await all_of_it_is_stored_and_more_is_taken(mesh, flood)


async def all_of_it_is_stored_and_more_is_taken(mesh: RunningMesh, flood: Flood) -> None:
    """What was acknowledged of the flood arrives, and the region recovers by itself.

    Of the requests that were cut off when the flood ended, one for each connection may be stored as well.
    """
    token = await token_of(mesh, flood.url)

    async with PublicClient(flood.url) as client:

        async def stored() -> int:
            counts = await client.query(token, flood.project.id, "events/counts", event_name="flood")
            return int(counts["events"])

        async def arrived() -> bool:
            return await stored() >= flood.answers[200] * EVENTS

        await until(arrived, "what was acknowledged of the flood is stored")
        assert await stored() <= (flood.answers[200] + CONNECTIONS) * EVENTS

        async def taken() -> bool:
            return (await client.status_of_track(flood.project.keys["live"]))[0] == 200

        await until(taken, "the region takes more")

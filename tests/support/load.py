"""A client that remembers what was acknowledged, and compares it with what is stored."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import httpx

from cli.client import PublicClient, WireError
from cli.meshfile import DemoProject
from tests.support.running import RunningMesh, until

EVENTS_PER_BATCH = 40
WORKERS = 4


@dataclass
class Load:
    """Batches posted to one URL under one project's key. Every event carries an id of its own."""

    url: str
    project: DemoProject
    acknowledged: set[str] = field(default_factory=set)
    refused: Counter[str] = field(default_factory=Counter)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Posts from several connections while the block runs."""
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as workers:
            for _ in range(WORKERS):
                workers.create_task(self._post_until(stop))
            try:
                yield
            finally:
                stop.set()

    async def has_acknowledged(self, more: int) -> None:
        """Waits for so many more acknowledged events."""
        wanted = len(self.acknowledged) + more

        async def enough() -> bool:
            return len(self.acknowledged) >= wanted

        await until(enough, f"{more} more acknowledged events; refused so far: {dict(self.refused)}")

    async def _post_until(self, stop: asyncio.Event) -> None:
        async with httpx.AsyncClient(base_url=self.url, timeout=20, trust_env=False) as client:
            while not stop.is_set():
                ids = [uuid.uuid4().hex for _ in range(EVENTS_PER_BATCH)]
                try:
                    answer = await client.post(
                        "/api/v1/batch",
                        json={"operations": [_operation(name) for name in ids]},
                        headers={"x-api-key": self.project.keys["live"]},
                    )
                except httpx.HTTPError as error:
                    self.refused[type(error).__name__] += 1
                    await asyncio.sleep(0.02)
                    continue
                if answer.status_code == 200:
                    self.acknowledged.update(ids)
                else:
                    self.refused[str(answer.status_code)] += 1
                    await asyncio.sleep(0.02)


async def token_of(mesh: RunningMesh, url: str) -> str:
    """A token of the demonstration's Owner."""
    owner, tokens = mesh.demo.orgs[0].owner, []

    async def logged_in() -> bool:
        with suppress(WireError):
            tokens.append((await client.log_in(email=owner.email, password=owner.password))["token"])
        return bool(tokens)

    async with PublicClient(url) as client:
        await until(logged_in, f"log in at {url}")
    return str(tokens[0])


async def stored(mesh: RunningMesh, project: DemoProject) -> Counter[str]:
    """How often each id of a load is stored, read page by page from the project's region."""
    url = mesh.reread().regions[project.region].rest_url
    token, found, cursor = await token_of(mesh, url), Counter[str](), ""
    async with PublicClient(url) as client:
        while True:
            page = await client.query(
                token, project.id, "events", event_name="load", limit="1000", cursor=cursor
            )
            found.update(event["properties"]["u"] for event in page["events"])
            cursor = page.get("next_cursor") or ""
            if not cursor:
                return found


async def assert_exactly_once(mesh: RunningMesh, load: Load) -> None:
    """Every acknowledged event is stored, none twice, and no batch by half."""

    async def all_there() -> bool:
        return load.acknowledged <= (await stored(mesh, load.project)).keys()

    await until(all_there, "every acknowledged event is stored")
    found = await stored(mesh, load.project)
    assert [name for name, times in found.items() if times != 1] == []
    assert len(found) % EVENTS_PER_BATCH == 0, "half a batch is stored"


def _operation(name: str) -> dict[str, object]:
    payload = {"event_name": "load", "distinct_id": "user_load", "properties": {"u": name}}
    return {"type": "track", "payload": payload}

"""What is measured: one region of a mesh of its own, in a temporary folder that is deleted at the end."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from bench.cpu import cpu_of
from bench.load import Load, Wrk
from bench.queryable import Queryable, time_until_queryable
from bench.run import own_folder, small_mesh, started
from cli.client import PublicClient
from cli.meshfile import DemoProject, RegionProcesses
from cli.seed import make_demo

POLL_S: Final = 0.02
STORED_WITHIN_S: Final = 120.0
GAUGES: Final = re.compile(r"^sankofa_log_(appended|lag|dead_letters) (\S+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Measured:
    """A load, when the last of its events was in the store, and the CPU time of all who worked on it."""

    load: Load
    stored_after_s: float
    cpu_s: dict[str, float]


@dataclass(slots=True)
class Target:
    """One region that runs."""

    wrk: Wrk
    folder: Path
    pki_dir: Path
    region: str
    where: RegionProcesses
    admin_url: str
    project: DemoProject
    token: str

    async def measure(self, path: str, bodies: Path, *, connections: int, seconds: float) -> Measured:
        """Posts, and returns when the writer has stored everything. Raises RuntimeError if it does not."""
        url, key = self.where.rest_url, self.project.keys["live"]
        return await self.watch(
            self.wrk.post(url, path, key=key, bodies=bodies, connections=connections, seconds=seconds),
            seconds,
        )

    async def watch(self, load: Coroutine[Any, Any, Load], seconds: float) -> Measured:
        """Runs a load of events until the writer has stored everything. Raises RuntimeError as `measure`."""
        pids = {role: self.where.pids[role] for role in ("rest", "cell")}
        with cpu_of(pids) as used:
            posting = asyncio.create_task(load)
            try:
                stored_at_s = await self._stored(posting, seconds)
            finally:
                posting.cancel()
            done = await posting
        return Measured(done, stored_at_s - done.begun_s, {**used, "wrk": done.cpu_s})

    async def count(self) -> int:
        """Events of the project, as the query endpoint counts them in the store."""
        async with PublicClient(self.where.rest_url) as client:
            answer = await client.query(self.token, self.project.id, "events/counts", environment="live")
        return int(answer["events"])

    async def time_until_queryable(self) -> Queryable:
        """From the 200 of an event until an answer of this region's query API holds it."""
        return await time_until_queryable(self.where.rest_url, self.token, self.project)

    async def _stored(self, posting: asyncio.Task[Load], seconds: float) -> float:
        """Since when the log is empty; looked at only after the load, so as not to weigh on it."""
        await asyncio.wait([posting], timeout=seconds)
        deadline = time.monotonic() + STORED_WITHIN_S
        since_s, seen = 0.0, -1.0
        async with httpx.AsyncClient(base_url=self.admin_url, trust_env=False) as client:
            while not (posting.done() and since_s):
                found = dict(GAUGES.findall((await client.get("/metrics")).text))
                appended, lag = float(found["appended"]), float(found["lag"])
                if lag:
                    since_s = 0.0
                elif not since_s or appended != seen:
                    since_s = time.monotonic()
                seen = appended
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{lag:.0f} rows are not stored after {STORED_WITHIN_S:.0f} s")
                await asyncio.sleep(POLL_S)
        return since_s


@asynccontextmanager
async def running(wrk: Wrk, parent: Path) -> AsyncIterator[Target]:
    """Starts a mesh of one region below `parent`; stops it and deletes it, whatever happens."""
    async with own_folder(parent) as folder:
        topology = small_mesh(folder / "data")
        async with started(topology) as mesh:
            demo, token = await make_demo(mesh.file, name="Benchmark")
            plan, project = topology.regions[0], demo.projects[0]
            yield Target(
                wrk=wrk,
                folder=folder,
                pki_dir=topology.pki_dir,
                region=project.region,
                where=mesh.file.regions[project.region],
                admin_url=f"http://{plan.cell_admin}",
                project=project,
                token=token,
            )

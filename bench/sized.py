"""Meshes of a given size: so many keys in the directory of the first region, so many regions."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx
import psutil

from bench.child import Child, child
from bench.cpu import cpu_of
from bench.keys import Fill, Filled, Look, Looked, secret
from bench.load import Wrk, singles
from bench.requests import request, write
from bench.run import say, small_mesh, started
from bench.target import GAUGES, Measured, Target
from cli.cell import DIRECTORY
from cli.meshfile import MeshFile
from cli.seed import make_demo
from mesh.regions import DEFAULT_CATALOGUE, Region

TRACK: Final = "/api/v1/track"
CONNECTIONS: Final = 64
REQUESTS: Final = 20_000
"""Requests made before the load begins, each with a key chosen from all of them."""

IDLE_S: Final = 3.0


@dataclass(slots=True)
class Sized:
    """A mesh whose first region has so many keys, and what was measured of it."""

    keys: int
    regions: int
    directory_bytes: int
    target: Target
    mesh: MeshFile
    looker: Child
    requests: Path
    measured: list[Measured] = field(default_factory=list)
    looked: list[Looked] = field(default_factory=list)
    appended: int = 0
    idle_cores: float = 0.0

    async def look_up(self, seconds: float) -> None:
        """The floor: look-ups in a tight loop, in a process of their own."""
        self.looked.append(await self.looker.ask(Look(self.keys, seconds), Looked))

    async def load(self, seconds: float) -> None:
        """Single events, each under the next of many keys."""
        before = await self._appended()
        url, wrk = self.target.where.rest_url, self.target.wrk
        sending = wrk.send(url, self.requests, connections=CONNECTIONS, seconds=seconds)
        self.measured.append(await self.target.watch(sending, seconds))
        self.appended += await self._appended() - before

    async def idle(self) -> None:
        """What the whole mesh uses while nobody asks anything."""
        with cpu_of({str(pid): pid for pid in _pids(self.mesh)}) as used:
            await asyncio.sleep(IDLE_S)
        self.idle_cores = sum(used.values()) / IDLE_S

    async def _appended(self) -> int:
        async with httpx.AsyncClient(base_url=self.target.admin_url, trust_env=False) as client:
            return int(float(dict(GAUGES.findall((await client.get("/metrics")).text))["appended"]))


@asynccontextmanager
async def sized(wrk: Wrk, folder: Path, *, keys: int, regions: int) -> AsyncIterator[Sized]:
    """Starts a mesh, fills its first region's directory while it is stopped, and starts it again."""
    await asyncio.to_thread(folder.mkdir)
    topology = small_mesh(folder / "data", _catalogue(regions))
    async with started(topology) as mesh:
        demo, token = await make_demo(mesh.file, name="Benchmark")
    plan, project = topology.regions[0], demo.projects[0]
    say(f"{keys:,} keys, {regions} regions: filling the directory")
    path = plan.folder / DIRECTORY
    async with AsyncExitStack() as stack:
        looker = await stack.enter_async_context(
            child("bench.keys", str(path), project.region, folder=folder)
        )
        filled = await looker.ask(Fill(keys), Filled)
        mesh = await stack.enter_async_context(started(topology))
        where = mesh.file.regions[project.region]
        target = Target(
            wrk=wrk,
            folder=folder,
            pki_dir=topology.pki_dir,
            region=project.region,
            where=where,
            admin_url=f"http://{plan.cell_admin}",
            project=project,
            token=token,
        )
        requests = await asyncio.to_thread(_requests, folder / "scale.http", where.rest_url, keys)
        yield Sized(keys, regions, filled.bytes, target, mesh.file, looker, requests)


def _requests(file: Path, url: str, keys: int) -> Path:
    chosen, bodies = random.Random(keys), list(singles())
    headers = {"content-type": "application/json"}
    return write(
        file,
        (
            request(
                "POST",
                url,
                TRACK,
                {**headers, "x-api-key": secret(chosen.randrange(keys))},
                bodies[number % len(bodies)],
            )
            for number in range(REQUESTS)
        ),
    )


def _catalogue(regions: int) -> tuple[Region, ...]:
    more = (Region(f"region-{number:02d}", f"Region {number}") for number in range(regions))
    return (*DEFAULT_CATALOGUE, *more)[:regions]


def _pids(mesh: MeshFile) -> list[int]:
    """Every process of a mesh but this one, which started it."""
    alone = [pid for name, pid in mesh.pids.items() if name != "up"]
    return alone + [pid for where in mesh.regions.values() for pid in where.pids.values()]


def pss_mib(mesh: MeshFile) -> dict[str, list[float]]:
    """By role; what processes share counts for each in part."""
    pids = {name: [pid] for name, pid in mesh.pids.items() if name != "up"}
    for role in ("rest", "cell"):
        pids[role] = [where.pids[role] for where in mesh.regions.values()]
    return {role: [_pss(pid) / (1 << 20) for pid in some] for role, some in pids.items()}


def _pss(pid: int) -> int:
    return int(psutil.Process(pid).memory_full_info().pss)

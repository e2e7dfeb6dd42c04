"""Processes that start: a mesh with a small log, a cell that is ended and awaited, and what a start took."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

import httpx
import psutil

from bench.run import READY_WITHIN_S
from bench.target import GAUGES
from cli.supervisor import Command
from cli.topology import Topology
from cli.up import LocalMesh

POLL_S: Final = 0.01


@dataclass(frozen=True, slots=True)
class Start:
    """One start."""

    ready_s: float
    cpu_s: float


@dataclass
class SmallLog(Topology):
    """A mesh whose cells have a log of `log_bytes`."""

    log_bytes: int = 0

    def levels(self) -> Iterator[list[Command]]:
        """As of any mesh."""
        more = {"SANKOFA_CELL_LOG_BYTES": str(self.log_bytes)}
        for level in super().levels():
            yield [replace(each, env={**each.env, **more}) for each in level]


class Cell:
    """The cell of a mesh's first region, killed and awaited."""

    def __init__(self, mesh: LocalMesh) -> None:
        plan = mesh.topology.regions[0]
        self._mesh, self._region = mesh, plan.region.id
        self._admin = f"http://{plan.cell_admin}"

    @property
    def pid(self) -> int:
        """The pid it has now; 0 while there is none."""
        return self._mesh.file.regions[self._region].pids.get("cell", 0)

    async def ended_by(self, number: signal.Signals) -> Start:
        """Sends a signal, and waits until the process that its supervisor starts then is ready."""
        old = self.pid
        os.kill(old, number)
        return await self.ready(instead_of=old)

    async def ready(self, instead_of: int = 0) -> Start:
        """From the process's creation, as the kernel knows it, until it says that it is ready."""

        async def another() -> bool:
            return self.pid not in (0, instead_of)

        await _until(another, "the cell is started")
        process = psutil.Process(self.pid)
        async with httpx.AsyncClient(base_url=self._admin, trust_env=False) as client:
            await _until(lambda: _answers(client), "the cell is ready")
        return Start(time.time() - process.create_time(), cpu_s([process.pid]))

    async def waiting(self) -> int:
        """Rows that lie in the log."""
        async with httpx.AsyncClient(base_url=self._admin, trust_env=False) as client:
            return int(float(dict(GAUGES.findall((await client.get("/metrics")).text))["lag"]))

    async def drained(self) -> float:
        """Seconds from the process's creation until the log is empty."""
        created_s = psutil.Process(self.pid).create_time()
        await _until(self._empty, "the log is empty")
        return time.time() - created_s

    async def _empty(self) -> bool:
        return not await self.waiting()


def pids_of(mesh: LocalMesh) -> list[int]:
    """Every process of a mesh but this one, which started it."""
    alone = [pid for name, pid in mesh.file.pids.items() if name != "up"]
    return alone + [pid for where in mesh.file.regions.values() for pid in where.pids.values()]


def cpu_s(pids: Iterable[int]) -> float:
    """CPU seconds that processes have used since they began."""
    times = [psutil.Process(pid).cpu_times() for pid in pids]
    return float(sum(each.user + each.system for each in times))


async def _answers(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/readyz")).status_code == 200
    except httpx.HTTPError:
        return False


async def _until(condition: Callable[[], Awaitable[bool]], what: str) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while not await condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"not after {READY_WITHIN_S:.0f} s: {what}")
        await asyncio.sleep(POLL_S)

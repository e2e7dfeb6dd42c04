"""What every benchmark has around it: where it ran, what it says meanwhile, how it ends."""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
import psutil
from rich.console import Console

from bench.load import Wrk
from cli.topology import Topology
from cli.up import LocalMesh
from mesh.regions import DEFAULT_CATALOGUE, Region

ERRORS: Final = Console(stderr=True)
READY_WITHIN_S: Final = 300.0
"""Sixteen regions start together on whatever cores there are."""

STOPPED: Final = 130
"""Exit code after Ctrl-C."""


class Machine(msgspec.Struct, frozen=True):
    """Where a benchmark ran, and with which load generator ("none" where nothing was posted)."""

    generator: str
    generator_version: str
    python: str
    cpus: int
    load_average_before: float
    filesystem: str

    @classmethod
    def here(cls, folder: Path, wrk: Wrk | None) -> Machine:
        """As it is now, with the stores in `folder`."""
        return cls(
            generator="none" if wrk is None else "wrk",
            generator_version="" if wrk is None else wrk.version,
            python=platform.python_version(),
            cpus=os.cpu_count() or 1,
            load_average_before=os.getloadavg()[0],
            filesystem=filesystem(folder),
        )

    def __str__(self) -> str:
        generator = "" if self.generator == "none" else f"{self.generator} {self.generator_version}, "
        return (
            f"{generator}Python {self.python}, {self.cpus} CPUs "
            f"(load average {self.load_average_before:.1f} before), {self.filesystem}"
        )


def say(line: str) -> None:
    """Progress, on standard error."""
    ERRORS.print(line, markup=False, highlight=False)


async def until_stopped(work: Coroutine[Any, Any, int]) -> int:
    """Runs a benchmark to its exit code. SIGINT and SIGTERM end it, once it has cleaned up, with STOPPED."""
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        say("stopped")
        return STOPPED


@asynccontextmanager
async def own_folder(parent: Path) -> AsyncIterator[Path]:
    """A folder below `parent` that is deleted at the end, whatever happens."""
    folder = Path(tempfile.mkdtemp(prefix="residency-bench-", dir=parent))
    try:
        yield folder
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def small_mesh(data_dir: Path, regions: tuple[Region, ...] = DEFAULT_CATALOGUE[:1]) -> Topology:
    """A mesh on free ports that keeps no traces, of one region where no others are named."""
    return Topology.plan(data_dir, free_ports=True, trace_ratio=0.0, catalogue=regions)


@asynccontextmanager
async def started(topology: Topology) -> AsyncIterator[LocalMesh]:
    """Starts the processes of a mesh, and stops them at the end, whatever happens."""
    mesh = LocalMesh(topology, say)
    try:
        await mesh.start(READY_WITHIN_S)
        yield mesh
    finally:
        await mesh.stop()


def filesystem(folder: Path) -> str:
    """The type of the file system that a folder is on."""
    mounts = psutil.disk_partitions(all=True)
    above = [mount for mount in mounts if folder.resolve().is_relative_to(mount.mountpoint)]
    return max(above, key=lambda mount: len(mount.mountpoint)).fstype if above else "unknown"

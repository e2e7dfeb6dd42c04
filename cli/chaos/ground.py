"""The ground of a run: a folder, a mesh planned below it, one region's small disk. Nothing of it is left."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from cli.chaos import disk as disks
from cli.chaos.mesh import ChaosMesh, ChaosTopology

DISK_BYTES = 256 << 20
KILLED = "ended with SIGKILL"


@dataclass(frozen=True, slots=True)
class Ground:
    """A mesh that is not started yet. `small` is the region whose disk can be filled.

    `deaths`: processes that ended though nobody had killed them, and how.
    """

    folder: Path
    mesh: ChaosMesh
    deaths: list[str]
    disk: disks.SmallDisk
    small: str


@contextmanager
def own_folder(*, keep: bool) -> Iterator[Path]:
    """A temporary folder, deleted at the end unless it is to be kept."""
    folder = Path(tempfile.mkdtemp(prefix="residency-chaos-"))
    try:
        yield folder
    finally:
        if keep:
            Console(stderr=True).print(f"kept: {folder}", markup=False, highlight=False, soft_wrap=True)
        else:
            shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def own_mesh(
    folder: Path, *, seed: int, mounts: bool, jetstream: bool = False
) -> AsyncIterator[Ground]:
    """The mesh and the disk, stopped and taken away at the end whatever happened.

    Two regions merge nothing, so that what is stored twice stays to be counted. The small disk is never that
    of the first region, where the edge, the router and the registry report to.
    """
    chance = random.Random(f"sankofa chaos ground {seed}")
    topology = ChaosTopology.below(folder, jetstream=jetstream)
    regions = [plan.region.id for plan in topology.regions]
    topology.no_merges = frozenset(chance.sample(regions, 2))
    topology.whole_log = frozenset(chance.sample(regions, 2))
    small = chance.choice(regions[1:])
    with (folder / "supervisor.log").open("w", buffering=1) as log:
        deaths: list[str] = []

        def heard(line: str) -> None:
            print(line, file=log)
            if " ended with " in line and KILLED not in line:
                deaths.append(line.partition(";")[0])

        mesh = ChaosMesh(topology, heard)
        place = Path(mesh.file.regions[small].data_dir)
        disk = disks.small_disk(
            place,
            folder / f"{small}.ext4",
            DISK_BYTES,
            mounts=mounts,
            pids=lambda: (pid for role in ("cell", "rest") if (pid := mesh.pid(f"{role}-{small}"))),
        )
        try:
            yield Ground(folder, mesh, deaths, disk, small)
        finally:
            await mesh.stop()
            disk.close()

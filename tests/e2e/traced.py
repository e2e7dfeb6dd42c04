"""A mesh of which every trace is kept: what was asked of it, and the spans of all its regions."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from cli.meshfile import MeshFile
from tests.e2e.org_plane import OrgPlane
from tests.e2e.scenarios import Scenarios
from tests.support.running import RunningMesh, until
from tests.support.spans import StoredSpan, spans_of


@dataclass(frozen=True, slots=True)
class Traced:
    """`traces`: those of the scenarios, by name. `org_plane`: what an Owner asked at every URL."""

    traces: dict[str, str]
    org_plane: OrgPlane
    spans: list[StoredSpan]

    @classmethod
    async def of(cls, mesh: RunningMesh) -> Traced:
        """Asks everything, stops the mesh, and reads every region's spans."""
        scenarios, org_plane = Scenarios(mesh), OrgPlane(mesh)
        await scenarios.run()
        await org_plane.run()
        await _registry_flushed(mesh)
        regions = mesh.file.regions
        await asyncio.to_thread(mesh.stop)
        folders = [(Path(where.data_dir) / "analytics", region) for region, where in regions.items()]
        read = [await asyncio.to_thread(spans_of, folder, region) for folder, region in folders]
        return cls(scenarios.traces, org_plane, [span for spans in read for span in spans])


async def _registry_flushed(mesh: RunningMesh) -> None:
    """When a mesh stops, the registry outlives the cell that takes its spans; so it restarts before."""
    before = mesh.reread().pids["registry"]
    next(one for one in mesh.processes() if one.pid == before).terminate()

    async def again() -> bool:
        now: MeshFile = mesh.reread()
        return now.pids["registry"] not in (0, before)

    await until(again, "the registry is started again")

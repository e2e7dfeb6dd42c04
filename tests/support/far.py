"""A mesh whose regions, and their registry, are far apart: every way between two of them is a relay."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from cli.meshfile import DemoFile, DemoProject
from cli.seed import make_demo
from cli.supervisor import Command
from cli.topology import Topology
from cli.up import LocalMesh
from mesh.regions import DEFAULT_CATALOGUE
from tests.support.relay import Relay, relay

REGISTRY = "registry"


@dataclass
class FarTopology(Topology):
    """Tells every process to find the registry, and the catalogue to list the regions, at their relays."""

    relays: dict[str, Relay] = field(default_factory=dict)

    def levels(self) -> Iterator[list[Command]]:
        registry = self.relays[REGISTRY].address
        catalogue = [
            {
                "id": plan.region.id,
                "display_name": plan.region.display_name,
                "rest_url": f"http://{plan.rest}",
                "federated_address": self.relays[plan.region.id].address,
            }
            for plan in self.regions
        ]
        seen = {f"SANKOFA_{section}_REGISTRY_ADDRESS": registry for section in ("PROCESS", "REST", "ROUTER")}
        seen["SANKOFA_REGISTRY_CATALOGUE"] = json.dumps(catalogue)
        for level in super().levels():
            yield [replace(command, env={**command.env, **seen}) for command in level]


@dataclass(frozen=True, slots=True)
class Traffic:
    """What the relays have carried so far, all together."""

    connections: int
    carried_bytes: int

    def since(self, earlier: Traffic) -> Traffic:
        return Traffic(self.connections - earlier.connections, self.carried_bytes - earlier.carried_bytes)


@dataclass(frozen=True, slots=True)
class FarMesh:
    """A mesh that runs, far apart."""

    topology: FarTopology
    mesh: LocalMesh
    demo: DemoFile

    def project(self, region: str) -> DemoProject:
        return next(project for project in self.demo.projects if project.region == region)

    def url(self, region: str) -> str:
        return self.mesh.file.regions[region].rest_url

    def traffic(self) -> Traffic:
        relays = self.topology.relays.values()
        return Traffic(sum(each.connections for each in relays), sum(each.carried_bytes for each in relays))

    def relay(self, name: str) -> Relay:
        """The way to a region's federated port, or to the REGISTRY."""
        return self.topology.relays[name]

    def cut(self) -> None:
        """From now on nothing gets from one region to another, nor to the registry."""
        for each in self.topology.relays.values():
            each.open.clear()

    async def crossings(self) -> dict[tuple[str, ...], float]:
        """Requests between regions, by (side, caller, callee, rpc), as all regions have counted them."""
        found: dict[tuple[str, ...], float] = {}
        async with httpx.AsyncClient(trust_env=False) as client:
            for plan in self.topology.regions:
                for admin in (plan.cell_admin, plan.rest_admin):
                    text = (await client.get(f"http://{admin}/metrics")).text
                    for family in text_string_to_metric_families(text):
                        if family.name != "sankofa_ledger_requests":
                            continue
                        for sample in family.samples:
                            edge = sample.labels
                            if edge["caller_region"] != edge["callee_region"]:
                                key = (
                                    edge["side"],
                                    edge["caller_region"],
                                    edge["callee_region"],
                                    edge["rpc"],
                                )
                                found[key] = found.get(key, 0) + sample.value
        return found

    async def stop(self) -> None:
        await self.mesh.stop()


@asynccontextmanager
async def far_mesh(data_dir: Path, *, regions: int, round_trip_s: float) -> AsyncIterator[FarMesh]:
    """Starts a mesh whose relays delay each direction by half of `round_trip_s`; every trace is kept."""
    planned = FarTopology.plan(
        data_dir, free_ports=True, trace_ratio=1.0, catalogue=DEFAULT_CATALOGUE[:regions]
    )
    assert isinstance(planned, FarTopology)
    async with AsyncExitStack() as stack:
        targets = {REGISTRY: planned.registry} | {plan.region.id: plan.federated for plan in planned.regions}
        for name, target in targets.items():
            planned.relays[name] = await stack.enter_async_context(relay(target, delay_s=round_trip_s / 2))
        mesh = LocalMesh(planned, lambda _: None)
        stack.push_async_callback(mesh.stop)
        await mesh.start()
        demo, _ = await make_demo(mesh.file, name="Far apart")
        yield FarMesh(planned, mesh, demo)

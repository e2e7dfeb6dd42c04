"""The mesh that is broken: `residency up`'s own, with cells whose inserts can fail and a small log."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from cli.chaos.faults import SWITCHES, InsertFault, Switch
from cli.chaos.nats import Nats
from cli.supervisor import Command
from cli.topology import RegionPlan, Topology
from cli.up import LocalMesh, Say

LOG_BYTES = 4 << 20
"""Filled within seconds by a client that posts 256 KiB at a time."""

WHOLE_LOG = 0.99
"""The part of the log that one project may fill, where it is to be filled to its own bound."""

BOUNDS = ("log_full", "project_share")
TRACE_RATIO = 0.02
POLL_S = 0.02
SERVE = 3
"""Where `serve` stands in the command line that a cell is started with."""


@dataclass(slots=True)
class ChaosTopology(Topology):
    """Cells are started by `cli.chaos.cell`, and no key is limited.

    `no_merges`: regions that merge nothing. `whole_log`: those whose project may fill all of its log; in the
    others its share ends before.
    """

    no_merges: frozenset[str] = frozenset()
    whole_log: frozenset[str] = frozenset()
    nats: Nats | None = None
    log_bytes: int = LOG_BYTES
    switches: dict[str, Switch] = field(default_factory=dict)
    ready_urls: dict[str, str] = field(default_factory=dict)

    @classmethod
    def below(cls, folder: Path, *, jetstream: bool) -> ChaosTopology:
        """A mesh on free ports, below a folder; its logs are in LMDB or in JetStream."""
        topology = cls.plan(folder / "data", free_ports=True, trace_ratio=TRACE_RATIO, rate_limit=0)
        assert isinstance(topology, cls)
        for plan in topology.regions:
            switch = topology.switches[plan.region.id] = Switch(folder / SWITCHES / plan.region.id)
            switch.file.parent.mkdir(exist_ok=True)
            switch.set(InsertFault.NONE)
        if jetstream:
            topology.nats = Nats(folder)
        return topology

    def levels(self) -> Iterator[list[Command]]:
        """The same processes, the cells in another way, and first of all the logs if they are servers."""
        if self.nats is not None:
            yield self._known([self._nats(self.nats, plan) for plan in self.regions])
        for level in Topology.levels(self):
            yield self._known([self._broken(command) for command in level])

    def _known(self, level: list[Command]) -> list[Command]:
        self.ready_urls |= {command.name: command.ready_url for command in level}
        return level

    def _nats(self, nats: Nats, plan: RegionPlan) -> Command:
        region = plan.region.id
        return nats.command(region, plan.folder, self._log(f"nats-{region}"))

    def _broken(self, command: Command) -> Command:
        role, _, region = command.name.partition("-")
        if role != "cell":
            return command
        merges = "no-merges" if region in self.no_merges else "merges"
        entry = (sys.executable, "-m", "cli.chaos.cell", str(self.switches[region].file), merges)
        sizes = ["--set", f"cell.log_bytes={self.log_bytes}"]
        if region in self.whole_log:
            sizes += ["--set", f"ingest.project_share={WHOLE_LOG}"]
        if self.nats is not None:
            sizes += self.nats.settings(region)
        return replace(command, argv=(*entry, *command.argv[SERVE:], *sizes))


class ChaosMesh(LocalMesh):
    """A mesh whose processes can be found by name, and whose logs can be asked how full they are."""

    def __init__(self, topology: ChaosTopology, say: Say) -> None:
        super().__init__(topology, say)
        self.regions = [plan.region.id for plan in topology.regions]
        self.switches = topology.switches
        self.logs = [f"nats-{region}" for region in self.regions] if topology.nats else []
        self._ready_urls = topology.ready_urls

    def pid(self, name: str) -> int:
        """The process of a name as it is now; 0 while there is none."""
        role, _, region = name.partition("-")
        if role in ("cell", "rest"):
            return self.file.regions[region].pids.get(role, 0)
        return self.file.pids.get(name, 0)

    async def next_pid(self, name: str, *, other_than: int) -> int:
        """The process that is started in the place of one that was killed."""
        while (pid := self.pid(name)) in (0, other_than):  # noqa: ASYNC110 - the supervisor tells no event
            await asyncio.sleep(POLL_S)
        return pid

    async def becomes_ready(self, name: str, *, within_s: float) -> bool:
        """Whether a process says in time that it can take work."""
        deadline = time.monotonic() + within_s
        async with httpx.AsyncClient(timeout=1.0, trust_env=False) as client:
            while time.monotonic() < deadline:
                with suppress(httpx.HTTPError):
                    if (await client.get(self._ready_urls[name])).status_code == 200:
                        return True
                await asyncio.sleep(POLL_S)
        return False

    async def all_ready(self, *, within_s: float) -> bool:
        """Whether every process says so."""
        return all(
            await asyncio.gather(*(self.becomes_ready(name, within_s=within_s) for name in self._ready_urls))
        )

    async def refused(self, region: str) -> int:
        """Requests that a region's cell has refused for the bound of its log; 0 while it does not answer."""
        gauges = await self.gauges(region) or {}
        return int(sum(gauges.get(f"sankofa_ingest_refused_{reason}", 0) for reason in BOUNDS))

    async def gauges(self, region: str) -> dict[str, float] | None:
        """The gauges of a region's cell; None while it does not answer."""
        try:
            async with httpx.AsyncClient(timeout=2.0, trust_env=False) as client:
                answer = await client.get(self._ready_urls[f"cell-{region}"].replace("/readyz", "/metrics"))
        except httpx.HTTPError:
            return None
        families = text_string_to_metric_families(answer.text)
        return {family.name: family.samples[0].value for family in families if len(family.samples) == 1}

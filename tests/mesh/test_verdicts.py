"""The three verdicts of `residency audit`, from two real cells: honest, silent, and letting a call out."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from cli import audit as auditing
from cli.meshfile import MeshFile, RegionProcesses
from cli.verdict import Judgement, Outcome
from mesh.certificates import ensure_pki
from mesh.errors import CrossingRefused
from mesh.node import Node
from sankofa.query.v1.query_pb2 import CountEventsRequest, Scope
from sankofa.query.v1.query_pb2_grpc import QueryServiceStub
from sankofa.residency.v1.environment_pb2 import ENVIRONMENT_LIVE
from sankofa.residency.v1.ledger_pb2 import SIDE_SERVER, ListEdgesRequest
from sankofa.residency.v1.ledger_pb2_grpc import AuditServiceStub
from storage.analytics.engine import Engine
from tests.support.nodes import EU, US
from tests.support.running import until
from tests.support.witness import BrokenNode, Member, project_of

pytestmark = [pytest.mark.disk, pytest.mark.network]

COUNT = "/sankofa.query.v1.QueryService/CountEvents"
START_DEADLINE_S = 60


@dataclass(slots=True)
class Cell:
    """A cell that runs."""

    process: subprocess.Popen[str]
    internal: str
    federated: str
    token: str

    async def stop(self) -> None:
        """SIGTERM by pid."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(self.process.wait, START_DEADLINE_S)
        assert self.process.stdout is not None
        self.process.stdout.close()


@dataclass(slots=True)
class TwoRegions:
    """Both cells, and a rest of each region that reports, each made by the test."""

    folder: Path
    cells: dict[str, Cell]
    stack: AsyncExitStack

    @classmethod
    async def start(cls, folder: Path, stack: AsyncExitStack, *, broken: str = "") -> TwoRegions:
        """Starts both; `broken` is the region whose cell is of the broken build."""
        await asyncio.to_thread(ensure_pki, folder / "pki", [EU, US])
        started = await asyncio.gather(*(_start(folder, region, region == broken) for region in (EU, US)))
        for cell in started:
            stack.push_async_callback(cell.stop)
        return cls(folder, dict(zip((EU, US), started, strict=True)), stack)

    def rest(self, region: str, *, kind: type[Node] = Node, reports: bool = True) -> Node:
        """A caller of a region, which reports to its cell, or never."""
        member = Member.join(self.stack, self.folder, region, "rest", kind=kind)
        if reports:
            member.report_to(self.cells[region].internal)
        return member.node

    async def count(self, caller: Node, region: str, *, federated: bool = False) -> int:
        """A DATA call: the events of the region's project."""
        cell = self.cells[region]
        channel = caller.channel(region, cell.federated if federated else cell.internal)
        self.stack.push_async_callback(channel.close)
        scope = Scope(project_id=project_of(region), environment=ENVIRONMENT_LIVE)
        metadata = (("authorization", f"Bearer {cell.token}"),)
        answer = await QueryServiceStub(channel).CountEvents(
            CountEventsRequest(scope=scope), metadata=metadata
        )
        return int(answer.events)

    async def reported(self, region: str, requests: int) -> None:
        """Waits until a cell has reported so many received DATA calls of its own."""
        channel = self.rest(region).channel(region, self.cells[region].federated)
        self.stack.push_async_callback(channel.close)

        async def told() -> bool:
            answer = await AuditServiceStub(channel).ListEdges(ListEdgesRequest(region=region))
            mine = [edge for edge in answer.edges if edge.rpc == COUNT and edge.side == SIDE_SERVER]
            return bool(sum(edge.requests for edge in mine) == requests)

        await until(told, f"{requests} calls reported in {region}")

    async def audit(self) -> Judgement:
        """As `residency audit` does it."""
        regions = {
            region: RegionProcesses("", cell.internal, cell.federated, str(self.folder / region))
            for region, cell in self.cells.items()
        }
        return await auditing.audit(MeshFile("", "", str(self.folder), {}, regions))


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as opened:
        yield opened


async def _start(folder: Path, region: str, broken: bool) -> Cell:
    command = [sys.executable, "-m", "tests.support.witness", str(folder), region, *["broken"] * broken]
    process = await asyncio.to_thread(partial(subprocess.Popen, command, stdout=subprocess.PIPE, text=True))
    assert process.stdout is not None
    async with asyncio.timeout(START_DEADLINE_S):
        said = json.loads(await asyncio.to_thread(process.stdout.readline))
    internal, federated = (f"127.0.0.1:{said[name]}" for name in ("internal", "federated"))
    return Cell(process, internal, federated, said["token"])


async def test_two_honest_regions_are_proven(tmp_path: Path, stack: AsyncExitStack) -> None:
    regions = await TwoRegions.start(tmp_path, stack)
    for region in (EU, US):
        assert await regions.count(regions.rest(region), region) == 0
    found = await regions.audit()
    assert (found.outcome, found.missing, found.violations) == (Outcome.PROVEN, [], [])
    data = [(flow.caller, flow.callee, flow.requests) for flow in found.flows if flow.plane == "DATA"]
    assert data == [(EU, EU, 1), (US, US, 1)]
    assert found.witnesses == 5 and found.spans > 0


async def test_a_refused_crossing_is_reported_and_leaves_it_proven(
    tmp_path: Path, stack: AsyncExitStack
) -> None:
    regions = await TwoRegions.start(tmp_path, stack)
    caller = regions.rest(EU)
    with pytest.raises(CrossingRefused):
        await regions.count(caller, US)
    found = await regions.audit()
    assert found.outcome is Outcome.PROVEN
    refused = [flow for flow in found.flows if flow.refused]
    assert [(one.caller, one.callee, one.plane, one.requests) for one in refused] == [(EU, US, "DATA", 0)]


async def test_a_witness_that_never_reports_leaves_it_unproven(tmp_path: Path, stack: AsyncExitStack) -> None:
    regions = await TwoRegions.start(tmp_path, stack)
    await regions.count(regions.rest(US), US)
    silent = regions.rest(EU, reports=False)
    for _ in range(3):
        await regions.count(silent, EU)
    await regions.reported(EU, 3)
    found = await regions.audit()
    assert (found.outcome, found.violations) == (Outcome.UNPROVEN, [])
    assert found.missing == [f"{EU} → {EU} {COUNT}: 3 received requests that no client counted"]


async def test_a_cell_that_is_gone_leaves_it_unproven(tmp_path: Path, stack: AsyncExitStack) -> None:
    regions = await TwoRegions.start(tmp_path, stack)
    await regions.cells[US].stop()
    found = await regions.audit()
    assert found.outcome is Outcome.UNPROVEN
    assert f"{US}: its cell did not answer" in found.missing


async def test_a_build_that_lets_one_call_out_is_violated_and_its_trace_is_where_it_says(
    tmp_path: Path, stack: AsyncExitStack
) -> None:
    regions = await TwoRegions.start(tmp_path, stack, broken=US)
    await regions.count(regions.rest(EU), EU)
    leaking = regions.rest(EU, kind=BrokenNode)
    assert await regions.count(leaking, US, federated=True) == 0
    found = await regions.audit()
    assert found.outcome is Outcome.VIOLATED
    (violation,) = found.violations
    assert (violation.kind, violation.rpc) == ("crossing", COUNT)
    assert (violation.caller_region, violation.callee_region) == (EU, US)
    assert violation.trace_region in (EU, US)
    await regions.cells[violation.trace_region].stop()
    stored = await asyncio.to_thread(_spans_of, tmp_path, violation.trace_region, violation.trace_id)
    assert (COUNT.lstrip("/"), EU, US) in stored


def _spans_of(folder: Path, region: str, trace_id: str) -> list[tuple[str, str, str]]:
    engine = Engine.embedded(folder / region / "analytics", region=region, max_memory_bytes=1 << 30)
    try:
        found = engine.reader().query_rows(
            "SELECT SpanName, SpanAttributes['sankofa.caller.region'],"
            " SpanAttributes['sankofa.callee.region'] FROM otel_traces WHERE TraceId = {trace:String}",
            {"trace": trace_id},
        )
    finally:
        engine.close()
    return [(str(name), str(caller), str(callee)) for name, caller, callee in found]

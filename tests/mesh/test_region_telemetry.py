"""What a region keeps of its own: spans, counters, and the sweep that looks through all of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

from mesh.errors import CrossingRefused, InvalidInput, SankofaError
from sankofa.ingest.v1.ingest_pb2 import People, Track
from sankofa.residency.v1.ledger_pb2 import (
    SIDE_CLIENT,
    VERDICT_ALLOWED,
    Edge,
    ListEdgesRequest,
    ListEdgesResponse,
    ReportRequest,
    SweepRequest,
    SweepResponse,
    Witness,
)
from sankofa.residency.v1.ledger_pb2_grpc import AuditServiceStub, LedgerServiceStub, SweepServiceStub
from sankofa.residency.v1.options_pb2 import PLANE_DATA
from storage.analytics.engine import Engine
from tests.support.cell import Cell, item, until
from tests.support.engines import BACKENDS
from tests.support.nodes import EU, US, make_node

pytestmark = [
    pytest.mark.disk,
    pytest.mark.network,
    pytest.mark.parametrize("engine", BACKENDS, indirect=True, scope="module"),
]

APPEND = "/sankofa.ingest.v1.IngestService/Append"
MARKER = "mark_abcdefghij0123456789"


async def edges_of(cell: Cell) -> ListEdgesResponse:
    stub = AuditServiceStub(cell.channel(region=US, role="operator", federated=True))
    return await stub.ListEdges(ListEdgesRequest(region=EU))  # type: ignore[no-any-return]


def report(
    instance_id: str, *, requests: int, reported_at: int = 2_000, closed: bool = False
) -> ReportRequest:
    edge = Edge(
        side=SIDE_CLIENT,
        caller_region=EU,
        callee_region=EU,
        rpc=f"/test.{instance_id[:4]}/Call",
        plane=PLANE_DATA,
        verdict=VERDICT_ALLOWED,
        requests=requests,
        answered=requests,
        rows=2 * requests,
        bytes=2**40,
    )
    witness = Witness(
        instance_id=instance_id,
        role="rest",
        region=EU,
        started_at_unix_ms=1_000,
        reported_at_unix_ms=reported_at,
        closed=closed,
    )
    return ReportRequest(witness=witness, edges=[edge])


async def spans_of_a_crossing(cell: Cell, name: str, *, sender: str, verdict: str = "allowed") -> None:
    """Exports, as the region's own rest process, one span that says that a DATA call crossed."""
    writer = make_node(cell.pki, region=sender, role="rest")
    attributes = {
        "rpc.method": f"sankofa.{name}/Call",
        "sankofa.plane": "DATA",
        "sankofa.caller.region": EU,
        "sankofa.callee.region": EU if verdict == "inside" else US,
        "sankofa.verdict": "allowed" if verdict == "inside" else verdict,
        "list": [1, 2],
        "flag": True,
    }
    writer.node.tracer.start_span(name, attributes=attributes).end()
    await TraceServiceStub(cell.channel()).Export(encode_spans(writer.spans))


async def test_the_last_report_of_each_process_counts_and_they_add_up(cell: Cell) -> None:
    stub = LedgerServiceStub(cell.channel())
    await stub.Report(report("sum1-a", requests=5))
    await stub.Report(report("sum1-a", requests=7, reported_at=3_000))
    await stub.Report(report("sum1-b", requests=10, closed=True))
    await stub.Report(report("sum1-b", requests=9, reported_at=4_000))
    found = await edges_of(cell)
    (edge,) = [one for one in found.edges if one.rpc == "/test.sum1/Call"]
    assert (edge.requests, edge.answered, edge.rows, edge.bytes) == (17, 17, 34, 2**41)
    assert (edge.side, edge.plane, edge.verdict) == (SIDE_CLIENT, PLANE_DATA, VERDICT_ALLOWED)
    witnesses = {one.instance_id: one for one in found.witnesses}
    assert witnesses["sum1-a"].reported_at_unix_ms == 3_000
    assert not witnesses["sum1-a"].closed
    assert witnesses["sum1-b"].closed


async def test_a_final_report_is_stored_when_it_is_acknowledged(cell: Cell, engine: Engine) -> None:
    await LedgerServiceStub(cell.channel()).Report(report("final1", requests=1, closed=True))
    stored = await engine.query("SELECT closed FROM witnesses FINAL WHERE instance_id = 'final1'")
    assert stored == [(1,)]


async def test_counters_are_stored_without_anyone_asking(cell: Cell, engine: Engine) -> None:
    await LedgerServiceStub(cell.channel()).Report(report("soon1", requests=1))

    async def stored() -> bool:
        return bool(await engine.query("SELECT 1 FROM ledger WHERE instance_id = 'soon1'"))

    await until(stored)


async def test_only_the_region_itself_reports_and_only_for_itself_is_it_asked(cell: Cell) -> None:
    with pytest.raises(SankofaError):
        await LedgerServiceStub(cell.channel(region=US)).Report(report("other1", requests=1))
    auditor = AuditServiceStub(cell.channel(region=US, role="operator", federated=True))
    with pytest.raises(CrossingRefused):
        await auditor.ListEdges(ListEdgesRequest(region=US))


async def test_spans_rest_in_the_regions_own_store(cell: Cell, engine: Engine) -> None:
    before = (await edges_of(cell)).spans
    await cell.append(item(await cell.project(), Track(event_name="a", distinct_id="user_1")))
    await spans_of_a_crossing(cell, "ordinary", sender=EU, verdict="inside")
    found = await edges_of(cell)
    assert found.spans == before + 1
    ((service, region, attributes, seconds),) = await engine.query(
        "SELECT ServiceName, ResourceAttributes['cloud.region'], SpanAttributes, "
        "now() - toDateTime(Timestamp) FROM otel_traces WHERE SpanName = 'ordinary'"
    )
    assert (service, region, attributes["list"], attributes["flag"]) == ("rest", EU, "[1,2]", "true")
    assert abs(seconds) < 120
    assert not [one for one in found.violations if "ordinary" in one.rpc]


async def test_a_crossing_that_was_let_through_is_a_violation_and_a_refused_one_is_not(cell: Cell) -> None:
    await spans_of_a_crossing(cell, "crossed", sender=EU)
    await spans_of_a_crossing(cell, "refused", sender=EU, verdict="refused")
    violations = (await edges_of(cell)).violations
    (crossed,) = [one for one in violations if one.rpc == "/sankofa.crossed/Call"]
    assert (crossed.kind, crossed.trace_region) == ("crossing", EU)
    assert (crossed.caller_region, crossed.callee_region) == (EU, US)
    assert len(crossed.trace_id) == 32
    assert not [one for one in violations if "refused" in one.rpc]


async def test_a_span_of_another_region_than_its_senders_certificate_is_an_alarm(cell: Cell) -> None:
    await spans_of_a_crossing(cell, "impostor", sender=US, verdict="inside")
    (found,) = [one for one in (await edges_of(cell)).violations if one.rpc == "/sankofa.impostor/Call"]
    assert found.kind == "identity"


async def sweep(cell: Cell, marker: str) -> SweepResponse:
    stub = SweepServiceStub(cell.channel(role="operator"))
    return await stub.Sweep(SweepRequest(marker=marker))  # type: ignore[no-any-return]


def _leave_behind(path: Path, data: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(data)


async def test_a_sweep_finds_a_marker_wherever_it_rests_and_counts_what_it_looked_at(cell: Cell) -> None:
    project = await cell.project()
    clean = await sweep(cell, MARKER)
    assert not [place for place in clean.places if place.hits]
    assert {place.store for place in clean.places} == {"analytics", "log", "directory", "files"}
    marked = Track(event_name="a", distinct_id="user_1", properties=b'{"deep":["' + MARKER.encode() + b'"]}')
    trait = People(distinct_id="user_1", properties=b'{"' + MARKER.encode() + b'":1}')
    await cell.store(project, marked, trait)
    _leave_behind(cell.data_dir / "tmp" / "insert-left-behind", b"x" * 5_000 + MARKER.encode())
    places = {(place.store, place.place): place for place in (await sweep(cell, MARKER)).places}
    assert places["analytics", "sankofa.events"].hits == 1
    assert places["analytics", "sankofa.people"].hits == 1
    assert places["analytics", "sankofa.aliases"].hits == 0
    assert places["files", "tmp/insert-left-behind"].hits == 1
    assert places["files", "tmp/insert-left-behind"].examined == 5_000 + len(MARKER)
    assert places["directory", "directory"].examined > 0


@pytest.mark.parametrize("marker", ["", "user_1", "mark_short", MARKER.upper(), MARKER + "0", f"{MARKER}\n"])
async def test_nothing_but_a_marker_can_be_asked_for(cell: Cell, marker: str) -> None:
    with pytest.raises(InvalidInput):
        await sweep(cell, marker)

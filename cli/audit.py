"""`residency audit`: reads edges and counts from every region by rpc, and says what they prove."""

from __future__ import annotations

import asyncio

import msgspec
from rich.console import Console
from rich.table import Table

from cli.meshfile import MeshFile
from cli.operator import operator_node
from cli.verdict import Flow, Judgement, Outcome, Reading, judge
from mesh.errors import SankofaError
from mesh.node import Node
from sankofa.residency.v1.ledger_pb2 import ListEdgesRequest, ListEdgesResponse
from sankofa.residency.v1.ledger_pb2_grpc import AuditServiceStub

BETWEEN_READINGS_S = 3.0
"""More than two intervals of the ledger's reports, so that what the first reading saw is in the second."""

_COLOURS = {Outcome.PROVEN: "green", Outcome.UNPROVEN: "yellow", Outcome.VIOLATED: "red"}


async def audit(mesh: MeshFile) -> Judgement:
    """Two readings of every region, and the judgement on them."""
    with operator_node(mesh) as node:
        first, own_first = await _read(node, mesh), node.ledger.report()
        await asyncio.sleep(BETWEEN_READINGS_S)
        second, own_second = await _read(node, mesh), node.ledger.report()
        return judge(first, second, expected=mesh.regions, own=(own_first, own_second))


def show(judgement: Judgement, console: Console) -> None:
    """The table caller → callee by plane, TRANSIT and EGRESS apart, and the verdict."""
    console.print(_table("Calls between regions, by plane", judgement.flows))
    if judgement.transit:
        console.print(_table("TRANSIT: passed on by the edge in memory, body unread", judgement.transit))
    if judgement.egress:
        console.print(_table("EGRESS: sent out of the mesh, to addresses that Owners set", judgement.egress))
    for line in judgement.missing:
        console.print(f"  missing: {line}", style="yellow", markup=False)
    for violation in judgement.violations:
        trace = violation.trace_id or "not sampled"
        line = f"  {violation.kind}: {violation.rpc} {violation.caller_region} → {violation.callee_region}"
        console.print(f"{line}  trace {trace} in {violation.trace_region or '?'}", style="red", markup=False)
    console.print(
        f"[bold {_COLOURS[judgement.outcome]}]{judgement.outcome.name}[/]  "
        f"{judgement.requests:,} requests, {judgement.witnesses} witnesses, {judgement.spans:,} spans"
    )


def as_json(judgement: Judgement) -> bytes:
    """The same as a JSON document."""
    plain = {
        "verdict": judgement.outcome.name,
        "requests": judgement.requests,
        "witnesses": judgement.witnesses,
        "spans": judgement.spans,
        "flows": judgement.flows,
        "transit": judgement.transit,
        "egress": judgement.egress,
        "missing": judgement.missing,
        "violations": [
            {
                "kind": violation.kind,
                "rpc": violation.rpc,
                "caller_region": violation.caller_region,
                "callee_region": violation.callee_region,
                "trace_id": violation.trace_id,
                "trace_region": violation.trace_region,
            }
            for violation in judgement.violations
        ],
    }
    return msgspec.json.format(msgspec.json.encode(plain), indent=2)


async def _read(node: Node, mesh: MeshFile) -> Reading:
    async def ask(region: str, address: str) -> ListEdgesResponse:
        channel = node.channel(region, address)
        try:
            stub = AuditServiceStub(channel)
            answer: ListEdgesResponse = await stub.ListEdges(ListEdgesRequest(region=region), timeout=5)
            return answer
        finally:
            await channel.close()

    asked = {region: ask(region, where.federated) for region, where in mesh.regions.items()}
    answers = await asyncio.gather(*asked.values(), return_exceptions=True)
    reading: dict[str, ListEdgesResponse] = {}
    for region, answer in zip(asked, answers, strict=True):
        if isinstance(answer, ListEdgesResponse):
            reading[region] = answer
        elif not isinstance(answer, SankofaError):
            raise answer
    return reading


def _table(title: str, flows: list[Flow]) -> Table:
    table = Table(title=title, title_justify="left")
    for column in ("caller", "callee", "plane"):
        table.add_column(column)
    for column in ("requests", "refused", "rows", "bytes"):
        table.add_column(column, justify="right")
    for flow in flows:
        style = None if flow.caller == flow.callee or flow.plane not in ("DATA", "LOCAL") else "bold red"
        numbers = (f"{number:,}" for number in (flow.requests, flow.refused, flow.rows, flow.bytes))
        table.add_row(flow.caller, flow.callee, flow.purpose or flow.plane, *numbers, style=style)
    return table

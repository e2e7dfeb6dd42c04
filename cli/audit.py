"""`residency audit`: reads edges and counts from every region by rpc, and says what they prove."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec
from rich.console import Console
from rich.table import Table

from cli.meshfile import MeshFile
from cli.operator import operator_node
from cli.verdict import Flow, Judgement, Outcome, Reading, judge
from mesh.client import GuardedChannel
from mesh.errors import SankofaError
from mesh.node import Node
from sankofa.org.v1.transfer_pb2 import ListTransfersRequest, ListTransfersResponse
from sankofa.org.v1.transfer_pb2_grpc import TransferAuditServiceStub
from sankofa.residency.v1.ledger_pb2 import ListEdgesRequest, ListEdgesResponse
from sankofa.residency.v1.ledger_pb2_grpc import AuditServiceStub

T = TypeVar("T")
ANSWER_S = 5
BETWEEN_READINGS_S = 3.0
"""More than two intervals of the ledger's reports, so that what the first reading saw is in the second."""

_COLOURS = {Outcome.PROVEN: "green", Outcome.UNPROVEN: "yellow", Outcome.VIOLATED: "red"}


async def audit(mesh: MeshFile) -> Judgement:
    """Two readings of every region, and the judgement on them."""
    with operator_node(mesh) as node:
        first, own_first = await _read(node, mesh), node.ledger.report()
        await asyncio.sleep(BETWEEN_READINGS_S)
        second, own_second = await _read(node, mesh), node.ledger.report()
        return judge(
            first,
            second,
            expected=mesh.regions,
            own=(own_first, own_second),
            kept=await _transfers(node, mesh),
        )


def show(judgement: Judgement, console: Console) -> None:
    """The table caller → callee by plane, TRANSIT and EGRESS apart, and the verdict."""
    console.print(_table("Calls between regions, by plane", judgement.flows))
    if judgement.transit:
        console.print(_table("TRANSIT: passed on by the edge in memory, body unread", judgement.transit))
    if judgement.egress:
        console.print(_table("EGRESS: sent out of the mesh, to addresses that Owners set", judgement.egress))
    for one in judgement.transfers:
        moves, orgs = (", ".join(names) or "nobody knows" for names in (one.operations, one.organisations))
        line = f"  TRANSFER: {one.requests} calls {one.caller} → {one.callee} for {moves} of {orgs}"
        console.print(line, markup=False)
    if judgement.transfers:
        console.print(
            "  Each showed a grant to the guards of both ends; which one, the ledger does not keep."
        )
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
        "transfers": judgement.transfers,
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
    async def ask(region: str, channel: GuardedChannel) -> ListEdgesResponse:
        request = ListEdgesRequest(region=region)
        return await AuditServiceStub(channel).ListEdges(request, timeout=ANSWER_S)  # type: ignore[no-any-return]

    return await _of_each(node, mesh, ask)


async def _transfers(node: Node, mesh: MeshFile) -> dict[str, ListTransfersResponse]:
    async def ask(region: str, channel: GuardedChannel) -> ListTransfersResponse:
        request = ListTransfersRequest(region=region)
        stub = TransferAuditServiceStub(channel)
        return await stub.ListTransfers(request, timeout=ANSWER_S)  # type: ignore[no-any-return]

    return await _of_each(node, mesh, ask)


async def _of_each(
    node: Node, mesh: MeshFile, ask: Callable[[str, GuardedChannel], Awaitable[T]]
) -> dict[str, T]:
    """What every region answers; one that does not is left out."""

    async def asked(region: str, address: str) -> T | SankofaError:
        channel = node.channel(region, address)
        try:
            return await ask(region, channel)
        except SankofaError as error:
            return error
        finally:
            await channel.close()

    answers = await asyncio.gather(
        *(asked(region, where.federated) for region, where in mesh.regions.items())
    )
    answered = zip(mesh.regions, answers, strict=True)
    return {region: answer for region, answer in answered if not isinstance(answer, SankofaError)}


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

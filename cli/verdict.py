"""The audit's judgement: from edges and counts of every region to PROVEN, UNPROVEN or VIOLATED. Pure.

Counts are read twice. What a client saw answered must have been received by
the second reading, and what a server received must have been begun by then;
so the comparison is exact on a mesh that goes on working, and a witness that
is missing, or lies, shows as a pair that doesn't match.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from cli.transfers import Covered, covered
from mesh.planes import INTERNAL_PLANES
from sankofa.org.v1.transfer_pb2 import ListTransfersResponse
from sankofa.residency.v1 import ledger_pb2 as ledger
from sankofa.residency.v1.options_pb2 import Plane

SILENT_AFTER_MS = 10_000
Reading = Mapping[str, ledger.ListEdgesResponse]
Pair = tuple[str, str, str, int]
"""Caller region, callee region, rpc, plane."""


class Outcome(Enum):
    """The verdict, with the exit code of `residency audit`."""

    PROVEN = 0
    UNPROVEN = 2
    VIOLATED = 3


@dataclass(frozen=True, slots=True)
class Flow:
    """Calls from one region to another on one plane; what leaves the mesh (EGRESS) also by its purpose."""

    caller: str
    callee: str
    plane: str
    purpose: str
    requests: int
    refused: int
    rows: int
    bytes: int


@dataclass(slots=True)
class Judgement:
    """What the audit found."""

    outcome: Outcome
    flows: list[Flow]
    transit: list[Flow]
    egress: list[Flow]
    transfers: list[Covered]
    requests: int
    witnesses: int
    spans: int
    missing: list[str] = field(default_factory=list)
    violations: list[ledger.Violation] = field(default_factory=list)


@dataclass(slots=True)
class _Pair:
    begun: int = 0
    answered: int = 0
    received: int = 0


def judge(
    first: Reading,
    second: Reading,
    *,
    expected: Iterable[str],
    own: tuple[ledger.ReportRequest, ledger.ReportRequest],
    kept: Mapping[str, ListTransfersResponse],
) -> Judgement:
    """Judges two readings of all regions.

    `own`: the auditor's own counters after each reading. `kept`: which reassignments each region says, after
    both, that it was an end of.
    """
    edges = [edge for answer in second.values() for edge in answer.edges] + list(own[1].edges)
    violations = _violations(edges, second)
    missing = [f"{region}: its cell did not answer" for region in expected if region not in second]
    missing += _silent(second)
    missing += _unmatched(_pairs(first, own[0]), _pairs(second, own[1]))
    transfers, uncovered = covered(edges, kept)
    missing += uncovered
    flows = _flows(edges)
    outcome = Outcome.VIOLATED if violations else Outcome.UNPROVEN if missing else Outcome.PROVEN
    return Judgement(
        outcome=outcome,
        flows=[flow for flow in flows if flow.plane not in ("TRANSIT", "EGRESS")],
        transit=[flow for flow in flows if flow.plane == "TRANSIT"],
        egress=[flow for flow in flows if flow.plane == "EGRESS"],
        transfers=transfers,
        requests=sum(flow.requests for flow in flows),
        witnesses=sum(len(answer.witnesses) for answer in second.values()) + 1,
        spans=sum(answer.spans for answer in second.values()),
        missing=missing,
        violations=violations,
    )


def _violations(edges: Iterable[ledger.Edge], reading: Reading) -> list[ledger.Violation]:
    found = {
        (violation.rpc, violation.caller_region, violation.callee_region, violation.kind): violation
        for answer in reading.values()
        for violation in answer.violations
    }
    for edge in edges:
        # TRANSFER is let through by a guard that has checked its grant: cli/transfers.py asks for which move.
        crossed = edge.plane in INTERNAL_PLANES and edge.caller_region != edge.callee_region
        if crossed and edge.verdict == ledger.VERDICT_ALLOWED:
            key = (edge.rpc, edge.caller_region, edge.callee_region, "crossing")
            found.setdefault(
                key,
                ledger.Violation(
                    rpc=edge.rpc,
                    caller_region=edge.caller_region,
                    callee_region=edge.callee_region,
                    kind="crossing",
                ),
            )
    return [found[key] for key in sorted(found)]


def _silent(reading: Reading) -> list[str]:
    lines = []
    for region, answer in sorted(reading.items()):
        now = max((witness.reported_at_unix_ms for witness in answer.witnesses), default=0)
        if not answer.witnesses:
            lines.append(f"{region}: no process reported its counts")
        for witness in answer.witnesses:
            silent_ms = now - witness.reported_at_unix_ms
            if not witness.closed and silent_ms > SILENT_AFTER_MS:
                name = f"{witness.region}/{witness.role} ({witness.instance_id})"
                lines.append(
                    f"{region}: {name} is silent for {silent_ms / 1000:.0f} s, its last counts are lost"
                )
    return lines


def _pairs(reading: Reading, own: ledger.ReportRequest) -> dict[Pair, _Pair]:
    """Calls that have both ends in the mesh: what is outside of it counts nothing for us."""
    pairs: dict[Pair, _Pair] = defaultdict(_Pair)
    for edge in (*(edge for answer in reading.values() for edge in answer.edges), *own.edges):
        if edge.plane == Plane.PLANE_EGRESS:
            continue
        pair = pairs[edge.caller_region, edge.callee_region, edge.rpc, edge.plane]
        if edge.side == ledger.SIDE_SERVER:
            pair.received += edge.requests
        elif edge.verdict == ledger.VERDICT_ALLOWED:
            pair.begun += edge.requests
            pair.answered += edge.answered
    return pairs


def _unmatched(first: Mapping[Pair, _Pair], second: Mapping[Pair, _Pair]) -> list[str]:
    lines = []
    for key in sorted(first):
        caller, callee, rpc, _ = key
        before, after = first[key], second.get(key, _Pair())
        if before.answered > after.received:
            lost = before.answered - after.received
            lines.append(f"{caller} → {callee} {rpc}: {lost} answered requests that no server counted")
        if before.received > after.begun:
            lost = before.received - after.begun
            lines.append(f"{caller} → {callee} {rpc}: {lost} received requests that no client counted")
    return lines


def _flows(edges: Iterable[ledger.Edge]) -> list[Flow]:
    """Both ends count every call; a flow shows the larger count, so that a one-sided edge is seen."""
    sums: dict[tuple[str, str, str, str], dict[int, list[int]]]
    sums = defaultdict(lambda: {1: [0] * 4, 2: [0] * 4})
    for edge in edges:
        plane = Plane.Name(edge.plane).removeprefix("PLANE_")
        purpose = edge.rpc if edge.plane == Plane.PLANE_EGRESS else ""
        amounts = sums[edge.caller_region, edge.callee_region, plane, purpose][edge.side]
        refused = edge.verdict == ledger.VERDICT_REFUSED
        for index, amount in enumerate((0, edge.requests) if refused else (edge.requests, 0)):
            amounts[index] += amount
        amounts[2] += edge.rows
        amounts[3] += edge.bytes
    return [
        Flow(*key, *(max(client, server) for client, server in zip(sides[1], sides[2], strict=True)))
        for key, sides in sorted(sums.items())
    ]

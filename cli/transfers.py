"""Whether what crossed on the TRANSFER plane belongs to reassignments that both ends know of. Pure.

A guard lets such a call through only with a grant that it has checked, and the ledger does not keep which one
it was. What an auditor can hold against the counts is what the two regions keep of their reassignments, each
for itself: every grant is made for one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sankofa.org.v1.transfer_pb2 import ListTransfersResponse, Transfer
from sankofa.residency.v1.ledger_pb2 import VERDICT_ALLOWED, Edge
from sankofa.residency.v1.options_pb2 import PLANE_TRANSFER


@dataclass(frozen=True, slots=True)
class Covered:
    """Calls from one region to another on the TRANSFER plane, and the reassignments that they can be of."""

    caller: str
    callee: str
    requests: int
    operations: list[str]
    organisations: list[str]


def covered(
    edges: Iterable[Edge], kept: Mapping[str, ListTransfersResponse]
) -> tuple[list[Covered], list[str]]:
    """What was let through, with its reassignments, and a line for each thing that does not fit.

    `kept`: what each region that answered says of its reassignments.
    """
    counted: dict[tuple[str, str], dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for edge in edges:
        if edge.plane == PLANE_TRANSFER and edge.verdict == VERDICT_ALLOWED:
            counted[edge.caller_region, edge.callee_region][edge.side] += edge.requests
    found, missing = [], []
    for (caller, callee), sides in sorted(counted.items()):
        silent = [region for region in (caller, callee) if region not in kept]
        missing += [f"{region}: does not say which reassignments it was an end of" for region in silent]
        if silent:
            continue
        moves, odd = _moves(caller, callee, kept)
        requests = max(sides.values())
        if not moves:
            odd.append(f"{caller} → {callee}: {requests} calls on the TRANSFER plane and no reassignment")
        missing += odd
        orgs = sorted({move.org_id for move in moves})
        found.append(Covered(caller, callee, requests, [move.operation_id for move in moves], orgs))
    return found, missing


def _moves(
    caller: str, callee: str, kept: Mapping[str, ListTransfersResponse]
) -> tuple[list[Transfer], list[str]]:
    """What the caller says has left it for the callee, as far as the callee does not say otherwise."""
    left = {one.operation_id: one for one in kept[caller].departures if one.to_region == callee}
    came = {one.operation_id: one for one in kept[callee].arrivals if one.from_region == caller}
    where = f"{caller} → {callee}"
    odd = [f"{where}: {callee} alone knows of {one}" for one in came.keys() - left.keys()]
    for operation, departure in left.items():
        arrival = came.get(operation)
        # One that was given up is forgotten by the region that it went to.
        if arrival is None and departure.handed_over and departure.finished_at_unix_ms:
            odd.append(f"{where}: {caller} alone knows of {operation}")
        elif arrival is not None and _what(arrival) != _what(departure):
            odd.append(f"{where}: the two do not say the same of {operation}")
    return list(left.values()), sorted(odd)


def _what(transfer: Transfer) -> tuple[str, int]:
    return transfer.org_id, transfer.epoch

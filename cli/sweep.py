"""Looks for a planted marker in everything one region stores, through that region's own LOCAL port."""

from __future__ import annotations

from dataclasses import dataclass

from cli.meshfile import MeshFile
from cli.operator import operator_node
from sankofa.residency.v1.ledger_pb2 import SweepPlace, SweepRequest
from sankofa.residency.v1.ledger_pb2_grpc import SweepServiceStub

TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Hits:
    """What a sweep examined and found."""

    examined: int
    hits: int
    places: list[SweepPlace]


async def sweep(mesh: MeshFile, region: str, marker: str) -> Hits:
    """Sweeps one region. Raises SankofaError."""
    with operator_node(mesh, region) as node:
        channel = node.channel(region, mesh.regions[region].internal)
        answer = await SweepServiceStub(channel).Sweep(SweepRequest(marker=marker), timeout=TIMEOUT_S)
        await channel.close()
    places = list(answer.places)
    return Hits(sum(place.examined for place in places), sum(place.hits for place in places), places)

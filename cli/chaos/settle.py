"""Waits until the mesh is at rest: everything ready, nothing in a log that is not in its store."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

from cli.chaos.mesh import ChaosMesh

WITHIN_S = 120.0
POLL_S = 0.2


@dataclass(slots=True)
class Rest:
    """How the mesh came to rest. `waiting`: what had not in time, for people."""

    seconds: float = 0.0
    dead_letters: int = 0
    waiting: list[str] = field(default_factory=list)


async def settle(mesh: ChaosMesh) -> Rest:
    """Every process ready, and every log's lag 0."""
    begun, rest = time.monotonic(), Rest()
    if not await mesh.all_ready(within_s=WITHIN_S):
        rest.waiting.append("not every process became ready")
    left = set(mesh.regions)
    while left and time.monotonic() - begun < WITHIN_S:
        for region in sorted(left):
            gauges = await mesh.gauges(region)
            if gauges is not None and gauges["sankofa_log_lag"] == 0:
                rest.dead_letters += int(gauges["sankofa_log_dead_letters"])
                left.discard(region)
        await asyncio.sleep(POLL_S)
    rest.waiting += [f"{region}: its log did not drain" for region in sorted(left)]
    rest.seconds = time.monotonic() - begun
    return rest

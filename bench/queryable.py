"""Time until queryable: from the 200 of an event until an answer of the query API holds it."""

from __future__ import annotations

import asyncio
import time
from typing import Final

import msgspec

from bench.percentile import percentile
from cli.client import PublicClient
from cli.meshfile import DemoProject

PROBES: Final = 40
POLL_S: Final = 0.002
WITHIN_S: Final = 60.0


class Queryable(msgspec.Struct, frozen=True):
    """Milliseconds, over single events posted one after the other while nothing else is."""

    probes: int
    p50_ms: float
    p99_ms: float


async def time_until_queryable(url: str, token: str, project: DemoProject) -> Queryable:
    """Posts PROBES events, each of a name of its own, and asks for each until it is counted."""
    async with PublicClient(url) as client:
        took_ms = [await _one(client, token, project, f"probe_{number}") for number in range(PROBES)]
    return Queryable(PROBES, percentile(took_ms, 50), percentile(took_ms, 99))


async def _one(client: PublicClient, token: str, project: DemoProject, name: str) -> float:
    await client.track(project.keys["live"], {"event_name": name, "distinct_id": "user_probe"})
    acknowledged_s = time.monotonic()
    while not (await client.query(token, project.id, "events/counts", event_name=name))["events"]:
        if time.monotonic() - acknowledged_s > WITHIN_S:
            raise RuntimeError(f"an acknowledged event is in no answer after {WITHIN_S:.0f} s")
        await asyncio.sleep(POLL_S)
    return (time.monotonic() - acknowledged_s) * 1000

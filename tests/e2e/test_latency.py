"""150 ms between regions: what is acknowledged never went that way, and what is about an account did."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from tests.support.far import REGISTRY, FarMesh, Traffic, far_mesh
from tests.support.nodes import EU, US
from tests.support.running import until
from tests.support.spans import StoredSpan, spans_of, tree

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

ROUND_TRIP_S = 0.15
EVENTS = 40
LARGE_BYTES = 30_000
"""An event, or a password, of this size shows in what a relay has carried; heartbeats are some 100 bytes."""


@dataclass
class Seen:
    """What was posted, answered, carried and traced."""

    statuses: list[int] = field(default_factory=list)
    statuses_while_cut: list[int] = field(default_factory=list)
    traces: dict[str, str] = field(default_factory=dict)
    """Trace id → region of the event."""
    carried: Traffic | None = None
    crossings_before: dict[tuple[str, ...], float] = field(default_factory=dict)
    crossings_after: dict[tuple[str, ...], float] = field(default_factory=dict)
    answered_while_cut: bool = True
    login_status: int = 0
    login_trace: str = ""
    login_bytes: int = 0
    spans: list[StoredSpan] = field(default_factory=list)


@pytest.fixture(scope="module")
async def seen(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Seen]:
    """Bursts of events with the way open and cut, and a login that has to cross; then every span."""
    found = Seen()
    async with far_mesh(tmp_path_factory.mktemp("far"), regions=2, round_trip_s=ROUND_TRIP_S) as far:
        before, found.crossings_before = far.traffic(), await far.crossings()
        found.statuses = await burst(far, found.traces)
        found.carried, found.crossings_after = far.traffic().since(before), await far.crossings()
        await log_in_from_us(far, secrets.token_hex(16))  # opens its channels: no handshake passes a cut
        far.cut()
        found.statuses_while_cut = await burst(far, found.traces)
        far.relay(REGISTRY).open.set()
        await log_in_across(far, found)
        await far.stop()
        for region, where in far.mesh.file.regions.items():
            found.spans += await asyncio.to_thread(spans_of, Path(where.data_dir) / "analytics", region)
    yield found


async def burst(far: FarMesh, traces: dict[str, str]) -> list[int]:
    """Large events to both regions, each with a trace of its own; the statuses of all answers."""
    statuses = []
    for region in (EU, US):
        headers = {"x-api-key": far.project(region).keys["live"]}
        async with httpx.AsyncClient(base_url=far.url(region), timeout=20, trust_env=False) as client:
            for _ in range(EVENTS):
                trace_id = secrets.token_hex(16)
                traces[trace_id] = region
                large = secrets.token_hex(LARGE_BYTES // 2)
                event = {"event_name": "far", "distinct_id": "user_far", "properties": {"large": large}}
                sent = {**headers, "traceparent": f"00-{trace_id}-{secrets.token_hex(8)}-01"}
                answer = await client.post("/api/v1/track", json=event, headers=sent)
                statuses.append(answer.status_code)
    return statuses


async def log_in_across(far: FarMesh, found: Seen) -> None:
    """Begins while the way to the EU is cut, and ends once it is mended."""
    way, found.login_trace = far.relay(EU), secrets.token_hex(16)
    taken = way.taken_bytes
    login = asyncio.create_task(log_in_from_us(far, found.login_trace))

    async def arrived_at_the_cut() -> bool:
        return way.taken_bytes - taken > LARGE_BYTES

    await until(arrived_at_the_cut, "the login is on its way")
    found.answered_while_cut = login.done()
    carried = way.carried_bytes
    way.open.set()
    found.login_status = await login
    found.login_bytes = way.carried_bytes - carried


async def log_in_from_us(far: FarMesh, trace_id: str) -> int:
    """The owner's account is at home in the EU: a large wrong password has to go there to be refused."""
    email, password = far.demo.orgs[0].owner.email, secrets.token_hex(LARGE_BYTES // 2)
    async with httpx.AsyncClient(base_url=far.url(US), timeout=20, trust_env=False) as client:
        answer = await client.post(
            "/api/v1/auth/login",
            json={"email": email, "password": password},
            headers={"traceparent": f"00-{trace_id}-{secrets.token_hex(8)}-01"},
        )
    return answer.status_code


def test_every_event_is_acknowledged_and_its_trace_stays_in_its_region(seen: Seen) -> None:
    assert seen.statuses == [200] * (2 * EVENTS)
    assert len(seen.traces) == 4 * EVENTS
    for trace_id, region in seen.traces.items():
        assert tree(seen.spans, trace_id) == [
            f"{region} rest Server POST /api/v1/track",
            f"  {region} rest Client sankofa.ingest.v1.IngestService/Append DATA {region} → {region}",
            f"  {region} cell Server sankofa.ingest.v1.IngestService/Append DATA {region} → {region}",
        ]


def test_all_acknowledgements_together_put_less_on_the_way_than_one_event(seen: Seen) -> None:
    # Beside the events their region asks the primary one for budgets, over a connection of its own.
    assert seen.carried is not None
    assert seen.carried.carried_bytes < LARGE_BYTES < 2 * EVENTS * LARGE_BYTES
    before, after = seen.crossings_before, seen.crossings_after
    assert before, "the regions watch one another: there are calls between them to count"
    grown = {edge: count - before.get(edge, 0) for edge, count in after.items()}
    assert sum(grown.values()) < EVENTS, f"the events were not alone on their way: {grown}"
    assert not [edge for edge in after if "IngestService" in edge[-1]]


def test_acknowledgements_go_on_while_the_way_between_regions_is_cut(seen: Seen) -> None:
    assert seen.statuses_while_cut == [200] * (2 * EVENTS)


def test_a_login_from_another_region_waits_for_the_way_and_crosses_it(seen: Seen) -> None:
    assert not seen.answered_while_cut
    assert seen.login_status == 401
    assert seen.login_bytes > LARGE_BYTES
    crossing = [span for span in seen.spans if span.trace_id == seen.login_trace and span.plane == "ORG"]
    assert {str(span) for span in crossing} == {
        f"{US} rest Client sankofa.org.v1.OrgService/Login ORG {US} → {EU}",
        f"{EU} cell Server sankofa.org.v1.OrgService/Login ORG {US} → {EU}",
    }

"""Quotas over two regions, on real ports and stores: counted where events land, lent by the primary."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from mesh.clock import wall_ms
from mesh.months import month_of
from mesh.plans import FIRST_BUDGET, SMALLEST_LEASE, TERMS, Plan
from mesh.regions import GLOBAL
from sankofa.ingest.v1.ingest_pb2 import (
    AppendItem,
    AppendRequest,
    AppendResult,
    Operation,
    People,
    Track,
)
from sankofa.ingest.v1.ingest_pb2_grpc import IngestServiceStub
from sankofa.org.v1 import org_pb2 as pb
from sankofa.org.v1.org_pb2_grpc import OrgServiceStub
from sankofa.org.v1.plan_pb2 import LeaseRequest, UsageReport
from sankofa.org.v1.plan_pb2_grpc import UsageServiceStub
from sankofa.residency.v1.environment_pb2 import ENVIRONMENT_LIVE, ENVIRONMENT_TEST
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.ingest.quota import meter
from services.org.config import OrgConfig
from storage.analytics.engine import Engine
from storage.log import Append, Counted, Rows, Table
from tests.support.cells import Cells, Owner, address, reason_of, until
from tests.support.nodes import EU, US, make_node

pytestmark = [pytest.mark.disk, pytest.mark.network]

QUOTA = TERMS["hobby"].monthly_events or 0
EVENT = Operation(track=Track(event_name="tap", distinct_id="user_1"))


class Shop:
    """An organisation of us-east-1 with a project in each of two regions that take events."""

    def __init__(self, cells: Cells, pki: Path, owner: Owner, projects: dict[str, str]) -> None:
        self.cells, self.pki, self.owner, self.projects = cells, pki, owner, projects

    async def send(
        self,
        region: str,
        operations: Sequence[Operation],
        *,
        environment: Any = ENVIRONMENT_LIVE,
        key: str = "",
    ) -> AppendResult:
        """One request, and its answer."""
        cell = self.cells.of[region]
        node = make_node(self.pki, region=region, role="rest", directory=cell.directory).node
        item = AppendItem(
            request_id=1,
            project_id=self.projects[region],
            environment=environment,
            operations=operations,
            idempotency_key=key,
        )
        async with node.channel(region, f"127.0.0.1:{cell.internal_port}") as channel:
            stream: Any = IngestServiceStub(channel).Append()
            await stream.write(AppendRequest(items=[item]))
            (result,) = (await stream.read()).results
            stream.cancel()
        return result

    async def reason(self, region: str, events: int = 1) -> str:
        """Why so many events are refused; "UNSPECIFIED" where they are not."""
        return name(await self.send(region, [EVENT] * events))

    async def count(self, region: str, events: int) -> None:
        """Has so many events counted by the region's log, as if they had come before."""
        project_id = self.projects[region]
        rows = [Rows(Table.PEOPLE, project_id, [b'"id":"x"}'])]
        log = self.cells.of[region].log
        await log.append([Append(rows, counted=Counted(project_id, month_of(wall_ms()), events))])

    def counted(self, region: str) -> int:
        """What the region's log says."""
        month = self.cells.of[region].log.usage.get(month_of(wall_ms()), {})
        return month.get(self.projects[region], 0)

    async def billed(self) -> dict[str, int]:
        """What the primary region has heard, by region."""
        plans = self.cells.of[US].records.plans
        return {row.region: row.events for row in await plans.usage(self.owner.org_id)}

    async def hears(self, **said: int) -> None:
        """Waits until the primary region has heard so much."""
        wanted = {region.replace("_", "-"): events for region, events in said.items()}

        async def heard() -> bool:
            return await self.billed() == wanted

        await until(heard)

    async def set_plan(self, plan: Plan) -> None:
        """As the mesh's operator does."""
        node = make_node(self.pki, region=GLOBAL, role="operator").node
        async with node.channel(US, address(self.cells.of[US])) as channel:
            await OrgServiceStub(channel).SetPlan(pb.SetPlanRequest(org_id=self.owner.org_id, plan=plan))


def name(result: AppendResult) -> str:
    return ErrorReason.Name(result.error).removeprefix("ERROR_REASON_")


@pytest.fixture
async def shop(pki: Path, tmp_path: Path, engine: Engine) -> AsyncIterator[Shop]:
    async with Cells(pki, tmp_path, (EU, US), OrgConfig(heartbeat_s=0.1), engine=engine) as cells:
        owner = await cells.sign_up(US)
        projects = {region: (await cells.create(owner, region)).project.project_id for region in (EU, US)}
        yield Shop(cells, pki, owner, projects)


async def test_live_events_are_counted_once_and_only_their_number_leaves_the_region(shop: Shop) -> None:
    people = Operation(people=People(distinct_id="user_1"))
    garbage = Operation(track=Track(event_name="tap", distinct_id="*/*"))
    named = Operation(track=Track(event_name="tap", distinct_id="user_1", event_id="a"))
    await shop.send(EU, [EVENT, EVENT, people, garbage])
    await shop.send(EU, [EVENT] * 5, environment=ENVIRONMENT_TEST)
    for _ in range(2):
        await shop.send(EU, [named])
        await shop.send(EU, [EVENT] * 3, key="once")
    await shop.send(US, [EVENT])
    assert (shop.counted(EU), shop.counted(US)) == (6, 1)
    await shop.hears(eu_west_1=6, us_east_1=1)


async def test_two_regions_at_once_take_the_quota_and_not_one_event_more(shop: Shop) -> None:
    """While the primary region can be reached there is no overshoot, and little is left unused at the end."""
    await shop.send(EU, [EVENT])
    await shop.count(EU, QUOTA - 20_001)

    async def fill(region: str) -> None:
        while (found := await shop.reason(region, 100)) != "QUOTA_EXCEEDED":
            assert found in ("UNSPECIFIED", "QUOTA_UNKNOWN")

    async with asyncio.timeout(60):
        await asyncio.gather(fill(EU), fill(US))
    counted = shop.counted(EU) + shop.counted(US)
    assert QUOTA - 2_000 < counted <= QUOTA
    await shop.hears(eu_west_1=shop.counted(EU), us_east_1=shop.counted(US))
    refused = await shop.send(EU, [EVENT] * 100)
    assert 1 <= refused.retry_after_s <= 3600
    assert name(await shop.send(EU, [EVENT] * 100, environment=ENVIRONMENT_TEST)) == "UNSPECIFIED"
    assert name(await shop.send(EU, [Operation(people=People(distinct_id="user_1"))])) == "UNSPECIFIED"
    assert shop.counted(EU) + shop.counted(US) == counted


async def test_an_upgrade_opens_the_project_at_once_and_what_is_past_the_quota_is_counted(shop: Shop) -> None:
    await shop.count(EU, QUOTA)

    async def refused() -> bool:
        return await shop.reason(EU) == "QUOTA_EXCEEDED"

    async def taken() -> bool:
        return await shop.reason(EU) == "UNSPECIFIED"

    await until(refused)
    await shop.set_plan("pro")
    await until(taken)
    await shop.count(EU, 2_000_000)
    assert await shop.reason(EU, 500) == "UNSPECIFIED"
    await shop.hears(eu_west_1=QUOTA + 2_000_501)


async def test_with_the_primary_region_away_a_small_plan_uses_what_it_was_lent_and_a_larger_one_goes_on(
    shop: Shop,
) -> None:
    """Also over a restart of the project's region. Nothing is said to be used up that nobody knows of."""
    assert await shop.reason(EU) == "UNSPECIFIED"
    await shop.hears(eu_west_1=1)
    await shop.cells.of[US].stop()
    while (found := await shop.reason(EU, 50)) == "UNSPECIFIED":
        pass
    assert found == "QUOTA_UNKNOWN"
    lent = shop.counted(EU)
    assert 950 <= lent <= 1 + SMALLEST_LEASE
    await shop.cells.of[EU].restart()
    assert (shop.counted(EU), await shop.reason(EU, 50)) == (lent, "QUOTA_UNKNOWN")
    await shop.cells.of[US].start()

    async def taken() -> bool:
        return await shop.reason(EU, 50) == "UNSPECIFIED"

    await until(taken)
    await shop.set_plan("pro")
    await shop.count(EU, QUOTA)
    await shop.hears(eu_west_1=shop.counted(EU))
    await until(taken)
    await shop.cells.of[US].stop()
    await shop.cells.of[EU].restart()
    assert await shop.reason(EU, FIRST_BUDGET) == "UNSPECIFIED"
    counted = shop.counted(EU)
    await shop.cells.of[US].start()
    await shop.hears(eu_west_1=counted)


async def test_a_larger_plan_counts_on_though_its_primary_region_was_never_asked(shop: Shop) -> None:
    """The region has been told the plan with the access rows, and keeps it over a restart."""
    cell = shop.cells.of[EU]
    await shop.set_plan("pro")

    async def told() -> bool:
        return await cell.records.projects.plan(shop.projects[EU]) == "pro"

    await until(told)
    await shop.cells.of[US].stop()
    await cell.restart()
    assert await shop.reason(EU, FIRST_BUDGET + 1) == "UNSPECIFIED"
    assert await shop.reason(EU, FIRST_BUDGET + 1) == "UNSPECIFIED"


async def test_a_new_project_of_a_larger_plan_takes_what_comes_from_its_first_event_on(shop: Shop) -> None:
    await shop.set_plan("growth")
    shop.projects[EU] = (await shop.cells.create(shop.owner, EU)).project.project_id
    assert await shop.reason(EU, 3 * FIRST_BUDGET) == "UNSPECIFIED"


async def test_a_project_that_goes_quiet_gives_back_what_it_holds_and_keeps_no_more_over_a_restart(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(meter, "QUIET_MS", 1_000)

    async def given_back() -> bool:
        rows = await shop.cells.of[US].records.plans.usage(shop.owner.org_id)
        return [row.budget - row.events for row in rows] == [SMALLEST_LEASE]

    async def held_more() -> bool:
        await shop.count(EU, 2_000)
        return any(one.events > shop.counted(EU) + SMALLEST_LEASE for one in await budgets.budgets())

    budgets = shop.cells.of[EU].records.budgets
    await until(held_more)
    await until(given_back)
    await shop.cells.of[US].stop()
    (kept,) = await budgets.budgets()
    assert kept.events == shop.counted(EU) + SMALLEST_LEASE
    await shop.cells.of[EU].restart()
    assert await shop.reason(EU, SMALLEST_LEASE + 1) == "QUOTA_UNKNOWN"
    assert await shop.reason(EU, SMALLEST_LEASE) == "UNSPECIFIED"


async def report(shop: Shop, caller: str, report: UsageReport, *, role: str = "cell") -> list[Any]:
    """Asks the primary region of the shop as a process of another region would."""
    node = make_node(shop.pki, region=caller, role=role).node
    async with node.channel(US, address(shop.cells.of[US])) as channel:
        request = LeaseRequest(primary_region=US, reports=[report])
        return list((await UsageServiceStub(channel).Lease(request)).leases)


async def test_a_region_speaks_of_its_own_projects_and_nobody_but_a_cell_does(shop: Shop) -> None:
    month = month_of(wall_ms())
    theirs = {"org_id": shop.owner.org_id, "total": 77, "month": month}
    good = UsageReport(project_id=shop.projects[EU], **theirs)
    assert await report(shop, US, good) == []
    assert await reason_of(report(shop, EU, good, role="rest")) == "ROLE_FORBIDDEN"
    assert await report(shop, EU, UsageReport(project_id="proj_nobody", **theirs)) == []
    other = UsageReport(project_id=shop.projects[EU], org_id="org_other", total=77, month=month)
    assert await report(shop, EU, other) == []
    for wrong in (0, month - 100, 209_901):
        assert (
            await report(shop, EU, UsageReport(project_id=shop.projects[EU], **theirs | {"month": wrong}))
            == []
        )
    assert await shop.billed() == {}
    (lease,) = await report(shop, EU, good)
    assert (lease.project_id, lease.unlimited, lease.exhausted) == (shop.projects[EU], False, False)
    late = UsageReport(project_id=shop.projects[EU], **theirs | {"total": 5})
    assert (await report(shop, EU, late))[0].budget >= 77
    assert await shop.billed() == {EU: 77}


async def test_a_cell_counts_its_totals_again_from_its_log_after_a_restart(shop: Shop) -> None:
    await shop.send(EU, [EVENT] * 3)
    await until(lambda: shop.cells.of[EU].log.stats().lag == 0)
    await shop.cells.of[EU].restart()
    await shop.send(EU, [EVENT] * 2)
    assert shop.counted(EU) == 5
    await shop.hears(eu_west_1=5)

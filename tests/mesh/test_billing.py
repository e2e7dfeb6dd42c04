"""The bill of an organisation with projects in two regions, and changes of its plan, over the public API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from mesh.clock import wall_ms
from mesh.context import act_as
from mesh.months import label, month_of
from mesh.plans import TERMS
from mesh.regions import GLOBAL
from sankofa.org.v1 import org_pb2 as pb
from sankofa.org.v1.org_pb2 import OrgRole
from sankofa.org.v1.org_pb2_grpc import OrgServiceStub
from services.org.config import OrgConfig
from storage.analytics.engine import Engine
from storage.log import Append, Counted, Rows, Table
from tests.support.cells import Cells, Owner, address, reason_of, until
from tests.support.nodes import EU, US, make_node
from tests.support.roles import put_member
from tests.support.shim import start_shim

pytestmark = [pytest.mark.disk, pytest.mark.network]

QUOTA = TERMS["hobby"].monthly_events or 0


@dataclass
class Shop:
    """An organisation of us-east-1 with a project in each region, asked through the shim of eu-west-1."""

    cells: Cells
    pki: Path
    owner: Owner
    projects: dict[str, Any]
    http: httpx.AsyncClient

    async def ask(self, method: str, path: str, body: Any = None) -> httpx.Response:
        headers = {"authorization": f"Bearer {self.owner.token}"}
        return await self.http.request(method, path, json=body, headers=headers)

    async def change(self, plan: str) -> httpx.Response:
        return await self.ask("POST", "/api/v1/billing/plan", {"org_id": self.owner.org_id, "plan": plan})

    async def bill(self) -> dict[str, Any]:
        answer = await self.ask("GET", f"/api/v1/billing?org_id={self.owner.org_id}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def has_counted(self, events: int) -> dict[str, Any]:
        """Waits until the bill says so many events of this month; the month."""
        await until(lambda: self._counted(events))
        period: dict[str, Any] = (await self.bill())["periods"][0]
        return period

    async def _counted(self, events: int) -> bool:
        return bool((await self.bill())["periods"][0]["events"] == events)

    async def count(self, region: str, events: int) -> None:
        """As if so many events had come."""
        project_id = self.projects[region].project.project_id
        rows = [Rows(Table.PEOPLE, project_id, [b'"id":"x"}'])]
        log = self.cells.of[region].log
        await log.append([Append(rows, counted=Counted(project_id, month_of(wall_ms()), events))])

    async def track(self) -> httpx.Response:
        body = {"event_name": "tap", "distinct_id": "user_1"}
        key = {"x-api-key": self.projects[EU].live_key.secret}
        return await self.http.post("/api/v1/track", json=body, headers=key)

    async def operator_sets(self, plan: str) -> None:
        node = make_node(self.pki, region=GLOBAL, role="operator").node
        async with node.channel(US, address(self.cells.of[US])) as channel:
            await OrgServiceStub(channel).SetPlan(pb.SetPlanRequest(org_id=self.owner.org_id, plan=plan))


@pytest.fixture
async def shop(pki: Path, tmp_path: Path, engine: Engine) -> AsyncIterator[Shop]:
    async with (
        Cells(pki, tmp_path, (EU, US), OrgConfig(heartbeat_s=0.1), engine=engine) as cells,
        AsyncExitStack() as stack,
    ):
        owner = await cells.sign_up(US)
        projects = {region: await cells.create(owner, region) for region in (EU, US)}
        internal = f"127.0.0.1:{cells.of[EU].internal_port}"
        shim = await start_shim(stack, pki, cells.of[EU].directory, cell_address=internal)
        yield Shop(cells, pki, owner, projects, shim.http)


async def test_one_account_adds_up_the_projects_of_all_regions(shop: Shop) -> None:
    assert (await shop.bill())["periods"][0] | {"month": ""} == {
        "month": "",
        "plan": "hobby",
        "quota": QUOTA,
        "events": 0,
        "overage": 0,
        "projects": [],
    }
    assert (await shop.change("pro")).json() == {"ok": True, "org_id": shop.owner.org_id, "plan": "pro"}
    assert (await shop.track()).status_code == 200
    await shop.count(EU, 399_999)
    await shop.count(US, 700_000)
    period = await shop.has_counted(1_100_000)
    assert period["month"] == label(month_of(wall_ms()))
    assert (period["plan"], period["quota"], period["overage"]) == ("pro", 1_000_000, 100_000)
    assert {each["region"]: each["events"] for each in period["projects"]} == {EU: 400_000, US: 700_000}


async def test_past_the_quota_of_hobby_an_event_is_429_until_the_owner_upgrades(shop: Shop) -> None:
    await shop.count(EU, QUOTA)

    async def answers(status: int) -> bool:
        return (await shop.track()).status_code == status

    await until(lambda: answers(429))
    refused = await shop.track()
    assert refused.json()["error"].startswith("quota_exceeded: the Hobby plan's live events")
    assert 1 <= int(refused.headers["retry-after"]) <= 3600
    assert (await shop.change("growth")).status_code == 200
    await until(lambda: answers(200))


async def test_a_smaller_plan_is_refused_while_it_is_too_small_and_says_by_how_much(shop: Shop) -> None:
    await shop.change("growth")
    await shop.count(US, QUOTA + 1)
    await shop.has_counted(QUOTA + 1)
    records = shop.cells.of[US].records.orgs
    act_as("usr_test")
    for number in range(10):
        await put_member(records, shop.owner.org_id, f"usr_{number}", OrgRole.ORG_ROLE_MEMBER, US)
    refused = await shop.change("hobby")
    assert refused.status_code == 409
    for said in ("Hobby has 100,000 live events", "has 100,001", "Hobby has 3 members, not 11"):
        assert said in refused.json()["error"]
    assert "Pro has 10 members, not 11" in (await shop.change("pro")).json()["error"]
    await put_member(records, shop.owner.org_id, "usr_0", OrgRole.ORG_ROLE_UNSPECIFIED, US)
    assert (await shop.change("pro")).status_code == 200
    assert (await shop.bill())["plan"] == "pro"


async def test_enterprise_is_the_operators_to_set_and_both_changes_are_remembered(shop: Shop) -> None:
    refused = await shop.change("enterprise")
    assert (refused.status_code, refused.json()["error"].split(":")[0]) == (403, "Permission denied")
    await shop.operator_sets("enterprise")
    assert (await shop.bill())["periods"][0]["quota"] is None
    assert (await shop.change("enormous")).status_code == 400
    await shop.change("pro")
    changes = await shop.cells.of[US].records.plans.changes(shop.owner.org_id)
    assert [(each.before, each.after) for each in changes] == [("hobby", "enterprise"), ("enterprise", "pro")]
    await shop.change("pro")
    assert len(await shop.cells.of[US].records.plans.changes(shop.owner.org_id)) == 2


async def test_only_an_owner_sees_the_bill_and_changes_the_plan(shop: Shop) -> None:
    records = shop.cells.of[US].records.orgs
    act_as("usr_test")
    await put_member(records, shop.owner.org_id, shop.owner.user_id, OrgRole.ORG_ROLE_ADMIN, US)
    assert (await shop.ask("GET", f"/api/v1/billing?org_id={shop.owner.org_id}")).status_code == 403
    assert (await shop.change("pro")).status_code == 403
    assert (await shop.ask("GET", "/api/v1/billing")).status_code == 400
    assert (await shop.ask("GET", "/api/v1/billing?org_id=org_nobody")).status_code == 404
    assert await reason_of(shop.operator_sets("enormous")) == "INVALID_ARGUMENT"

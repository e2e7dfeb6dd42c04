"""How long events are kept: from the plan in the primary region to the rows in the project's region."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from mesh.context import act_as
from mesh.regions import GLOBAL
from sankofa.ingest.v1 import project_pb2 as projects_pb
from sankofa.org.v1 import org_pb2 as pb
from sankofa.org.v1.org_pb2 import OrgRole
from sankofa.org.v1.org_pb2_grpc import OrgServiceStub
from services.ingest.retention import RetentionKeeper
from services.org.config import OrgConfig
from storage.analytics.engine import Engine
from storage.analytics.retention import RetentionStore
from tests.support.cells import Cells, Owner, RunningCell, address, reason_of, until
from tests.support.nodes import EU, US, make_node
from tests.support.roles import put_member
from tests.support.shim import start_shim

pytestmark = [pytest.mark.disk, pytest.mark.network]

CONFIG = OrgConfig(heartbeat_s=0.1)


@pytest.fixture
async def cells(pki: Path, tmp_path: Path) -> AsyncIterator[Cells]:
    """Two regions that take no events."""
    async with Cells(pki, tmp_path, (EU, US), CONFIG) as running:
        yield running


async def set_plan(pki: Path, cell: RunningCell, owner: Owner, plan: str) -> None:
    """As the mesh's operator does."""
    node = make_node(pki, region=GLOBAL, role="operator").node
    async with node.channel(owner.region, address(cell)) as channel:
        await OrgServiceStub(channel).SetPlan(pb.SetPlanRequest(org_id=owner.org_id, plan=plan))


async def set_retention(cells: Cells, owner: Owner, project_id: str, days: int) -> int:
    request = pb.SetRetentionRequest(org_id=owner.org_id, project_id=project_id, retention_days=days)
    answer = await cells.of[owner.region].orgs().SetRetention(request, metadata=owner.metadata)
    return int(answer.retention_days)


def known(cell: RunningCell, project_id: str) -> int | None:
    """What the next event of a project will carry."""
    project = cell.directory.project(project_id)
    return None if project is None else project.retention_days


async def carries(cell: RunningCell, project_id: str, days: int) -> None:
    """Waits until the next event of a project will carry so many days."""
    await until(lambda: known(cell, project_id) == days)


async def test_a_new_project_has_its_plans_days_with_its_ticket_and_every_later_plans(
    cells: Cells, pki: Path
) -> None:
    owner = await cells.sign_up(US)
    for plan, days in (("hobby", 30), ("pro", 90), ("growth", 365), ("enterprise", 365)):
        await set_plan(pki, cells.of[US], owner, plan)
        permit = await cells.authorise(owner, EU)
        request = projects_pb.ProvisionRequest(region=EU, ticket=permit.ticket)
        made = await cells.of[EU].projects().Provision(request)
        assert made.project.retention_days == known(cells.of[EU], permit.project_id) == days
    project_id = (await cells.create(owner, EU)).project.project_id
    await set_plan(pki, cells.of[US], owner, "pro")
    await carries(cells.of[EU], project_id, 90)


async def test_a_plan_that_changes_between_a_ticket_and_its_project_reaches_the_project(
    cells: Cells, pki: Path
) -> None:
    owner = await cells.sign_up(US)
    permit = await cells.authorise(owner, EU)
    await set_plan(pki, cells.of[US], owner, "growth")
    request = projects_pb.ProvisionRequest(region=EU, ticket=permit.ticket)
    made = await cells.of[EU].projects().Provision(request)
    assert made.project.retention_days == 30
    complete = pb.CompleteCreateRequest(org_id=owner.org_id, project_id=permit.project_id)
    await cells.of[US].orgs().CompleteCreate(complete, metadata=owner.metadata)
    await carries(cells.of[EU], permit.project_id, 365)


async def test_a_change_made_while_the_projects_region_is_away_arrives_when_it_is_back(
    cells: Cells,
) -> None:
    owner = await cells.sign_up(US)
    project_id = (await cells.create(owner, EU)).project.project_id
    await cells.of[EU].stop()
    assert await set_retention(cells, owner, project_id, 7) == 7
    await cells.of[EU].start()
    await carries(cells.of[EU], project_id, 7)


async def test_more_days_than_the_plan_keeps_are_refused_with_the_plan_that_keeps_them(shop: Shop) -> None:
    refused = await shop.ask("PATCH", {"retention_days": 31})
    needed = "plan_required: 31 days of events need the Pro plan, and this is Hobby"
    assert (refused.status_code, refused.json()["error"]) == (403, needed)
    assert (await shop.ask("GET")).json()["project"]["retention_days"] == 30


async def test_with_the_primary_region_and_the_registry_away_a_restart_keeps_the_days(cells: Cells) -> None:
    owner = await cells.sign_up(US)
    project_id = (await cells.create(owner, EU)).project.project_id
    await set_retention(cells, owner, project_id, 7)
    await carries(cells.of[EU], project_id, 7)
    await cells.of[US].stop()
    await cells.registry.stop()
    for lose_directory in (False, True):
        await cells.of[EU].restart(lose_directory=lose_directory)
        assert known(cells.of[EU], project_id) == 7


async def test_only_an_owner_sets_it_and_the_list_shows_it(cells: Cells) -> None:
    owner = await cells.sign_up(US)
    project_id = (await cells.create(owner, EU)).project.project_id
    await set_retention(cells, owner, project_id, 7)
    listing = pb.ListProjectsRequest(org_id=owner.org_id)
    listed = await cells.of[US].orgs().ListProjects(listing, metadata=owner.metadata)
    assert [project.retention_days for project in listed.projects] == [7]
    assert await set_retention(cells, owner, project_id, 0) == 30
    assert await reason_of(set_retention(cells, owner, project_id, 31)) == "PLAN_REQUIRED"
    assert await reason_of(set_retention(cells, owner, "proj_none", 7)) == "PROJECT_NOT_FOUND"
    records = cells.of[US].records.orgs
    act_as("usr_test")
    await put_member(records, owner.org_id, owner.user_id, OrgRole.ORG_ROLE_ADMIN, US)
    assert await reason_of(set_retention(cells, owner, project_id, 7)) == "PERMISSION_DENIED"


@dataclass
class Shop:
    """A project of eu-west-1 whose organisation is in us-east-1, and the shim that its clients talk to."""

    cells: Cells
    owner: Owner
    made: projects_pb.ProvisionResponse
    http: httpx.AsyncClient
    engine: Engine

    @property
    def id(self) -> str:
        return str(self.made.project.project_id)

    async def ask(self, method: str, body: Any = None) -> httpx.Response:
        headers = {"authorization": f"Bearer {self.owner.token}"}
        return await self.http.request(method, f"/api/v1/projects/{self.id}", json=body, headers=headers)

    async def track(self, name: str) -> None:
        body = {"event_name": name, "distinct_id": "user_1"}
        key = {"x-api-key": self.made.live_key.secret}
        assert (await self.http.post("/api/v1/track", json=body, headers=key)).status_code == 200

    async def stored(self) -> dict[str, int]:
        """Events and the days that they carry."""
        sql = "SELECT event_name, retention_days FROM events FINAL WHERE project_id = {p:String}"
        return dict(await self.engine.query(sql, {"p": self.id}))

    async def holds(self, expected: dict[str, int]) -> None:
        async def met() -> bool:
            return await self.stored() == expected

        await until(met)


@pytest.fixture
async def shop(pki: Path, tmp_path: Path, engine: Engine) -> AsyncIterator[Shop]:
    """All of it on real ports."""
    running = Cells(pki, tmp_path, (EU, US), CONFIG)
    running.of[EU].engine = engine
    async with running as cells, AsyncExitStack() as stack:
        cell = cells.of[EU]
        owner = await cells.sign_up(US)
        made = await cells.create(owner, EU)
        internal = f"127.0.0.1:{cell.internal_port}"
        shim = await start_shim(stack, pki, cell.directory, cell_address=internal)
        yield Shop(cells, owner, made, shim.http, engine)


async def test_a_change_holds_for_the_next_event_at_once_and_for_stored_ones_with_the_next_look(
    shop: Shop, pki: Path
) -> None:
    await shop.track("before")
    await shop.holds({"before": 30})
    changed = await shop.ask("PATCH", {"retention_days": 7})
    assert (changed.status_code, changed.json()["project"]["retention_days"]) == (200, 7), changed.text
    await shop.track("after")
    await shop.holds({"before": 30, "after": 7})
    assert (await shop.ask("GET")).json()["project"]["retention_days"] == 7

    store = RetentionStore(engine=shop.engine)
    keeper = RetentionKeeper(
        grants=shop.cells.of[EU].records.projects, store=store, every_s=3600, poll_s=0.01
    )
    await keeper.once()
    assert await shop.stored() == {"before": 7, "after": 7}

    await set_plan(pki, shop.cells.of[US], shop.owner, "growth")
    assert (await shop.ask("PATCH", {"retention_days": None})).json()["project"]["retention_days"] == 365
    await shop.track("raised")
    await shop.holds({"before": 7, "after": 7, "raised": 365})
    await keeper.once()
    assert await shop.stored() == dict.fromkeys(("before", "after", "raised"), 365)
    store.close()


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (
            {"retention_days": 0},
            "Invalid argument: retention_days is 1 to 65535, or null for what the plan grants",
        ),
        (
            {"retention_days": 1 << 40},
            "Invalid argument: retention_days is 1 to 65535, or null for what the plan grants",
        ),
        ({"retention_days": "7"}, "Invalid request body"),
        ({"retention_days": True}, "Invalid request body"),
        (
            {"name": "New"},
            "Invalid argument: retention_days, authorized_domains, authorized_ips can be changed",
        ),
        ({"retention_days": 7, "region": US}, "A project's region is never changed"),
    ],
)
async def test_what_can_not_be_is_refused_and_changes_nothing(shop: Shop, body: Any, text: str) -> None:
    refused = await shop.ask("PATCH", body)
    assert (refused.status_code, refused.json()["error"]) == (400, text)
    assert (await shop.ask("GET")).json()["project"]["retention_days"] == 30


async def test_with_the_primary_region_away_a_change_is_503_and_events_go_on(shop: Shop) -> None:
    await shop.cells.of[US].stop()
    assert (await shop.ask("PATCH", {"retention_days": 7})).status_code == 503
    await shop.track("meanwhile")
    await shop.holds({"meanwhile": 30})

"""The org service between two regions and their registry."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import jwt
import pytest

from mesh.context import act_as
from mesh.errors import Unavailable
from mesh.regions import GLOBAL
from mesh.tokens import USER
from sankofa.ingest.v1.project_pb2 import ProvisionRequest
from sankofa.org.v1 import org_pb2 as pb
from sankofa.org.v1.org_pb2 import OrgRole, ProjectRole
from sankofa.org.v1.org_pb2_grpc import AccessServiceStub, OrgServiceStub
from services.ingest.projects.access_feed import SILENCE_S
from services.org.config import OrgConfig
from storage.records.rows import hint_row
from tests.support.cells import HINTS, PASSWORD, Cells, address, bearer, reason_of, until
from tests.support.nodes import EU, US, make_node
from tests.support.roles import put_member, put_project_role

pytestmark = [pytest.mark.disk, pytest.mark.network]

CONFIG = OrgConfig(heartbeat_s=0.1, ticket_lifetime_s=3.0, reconcile_after_s=0.0, reconcile_every_s=0.05)
"""Tickets end soon, so that the reconciliation can be waited for."""


@pytest.fixture
async def cells(pki: Path, tmp_path: Path) -> AsyncIterator[Cells]:
    async with Cells(pki, tmp_path, (EU, US), CONFIG) as running:
        yield running


def sign_up(region: str, **changed: str) -> pb.SignUpRequest:
    fields = {"email": "ada@example.org", "password": PASSWORD, "org_name": "Analytical"} | changed
    return pb.SignUpRequest(region=region, **fields)


async def test_an_email_is_one_account_in_the_whole_mesh(cells: Cells) -> None:
    answer = await cells.of[EU].orgs().SignUp(sign_up(EU, email=" Ada@Example.org "))
    assert answer.user.home_region == EU and answer.user.email == "Ada@Example.org"
    assert [(org.role, org.plan, org.primary_region) for org in answer.orgs] == [(3, "hobby", EU)]
    for region in (EU, US):
        assert await reason_of(cells.of[region].orgs().SignUp(sign_up(region))) == "EMAIL_TAKEN"
    found = await cells.registry.store.find_login_hint(HINTS.hint("ada@example.org"))
    assert found is not None and found[0].row.region == EU


async def test_a_sign_up_cut_off_after_its_hint_completes_when_repeated_in_the_same_region(
    cells: Cells,
) -> None:
    await cells.of[EU].publisher.put([hint_row(EU, HINTS.hint("ada@example.org"))])
    assert await reason_of(cells.of[US].orgs().SignUp(sign_up(US))) == "EMAIL_TAKEN"
    assert (await cells.of[EU].orgs().SignUp(sign_up(EU))).token


async def test_a_sign_up_while_the_registry_is_away_leaves_nothing(cells: Cells) -> None:
    await cells.registry.stop()
    assert await reason_of(cells.of[EU].orgs().SignUp(sign_up(EU))) == "UNAVAILABLE"
    assert await cells.of[EU].records.orgs.orgs() == []
    await cells.registry.start()

    async def signs_up() -> bool:
        try:
            return bool((await cells.of[EU].orgs().SignUp(sign_up(EU))).token)
        except Unavailable:
            return False

    await until(signs_up)


async def test_a_wrong_password_and_an_unknown_email_get_the_same_answer(cells: Cells) -> None:
    owner = await cells.sign_up(EU)
    orgs = cells.of[EU].orgs()
    good = await orgs.Login(login("ADA@example.org", PASSWORD))
    assert (good.user.user_id, good.orgs[0].org_id) == (owner.user_id, owner.org_id)
    for email, password in (("ada@example.org", "wrong"), ("bob@example.org", PASSWORD)):
        assert await reason_of(orgs.Login(login(email, password))) == "LOGIN_FAILED"
    listed = await orgs.ListOrgs(pb.ListOrgsRequest(region=EU), metadata=bearer(good.token))
    assert [org.org_id for org in listed.orgs] == [owner.org_id]


def login(email: str, password: str) -> pb.LoginRequest:
    return pb.LoginRequest(hint=HINTS.hint(email), email=email, password=password)


async def test_a_region_can_not_vouch_for_a_person_of_another(cells: Cells) -> None:
    owner = await cells.sign_up(EU)
    forged = (await cells.of[US].token_key()).sign(
        {"sub": owner.user_id}, issuer=US, audience=USER, lifetime=timedelta(minutes=1)
    )
    orgs = cells.of[EU].orgs()
    projects = pb.ListProjectsRequest(org_id=owner.org_id)
    await until(lambda: cells.of[EU].directory.org(owner.org_id))
    assert await reason_of(orgs.ListProjects(projects, metadata=bearer(forged))) == "INVALID_TOKEN"
    assert await reason_of(orgs.ListProjects(projects)) == "MISSING_TOKEN"


async def test_roles_decide_who_creates_where_and_who_sees_what(cells: Cells) -> None:
    owner = await cells.sign_up(EU)
    ours, theirs = await cells.create(owner, EU), await cells.create(owner, US)
    cell, records = cells.of[EU], cells.of[EU].records.orgs
    people = {"usr_admin": OrgRole.ORG_ROLE_ADMIN, "usr_member": OrgRole.ORG_ROLE_MEMBER}
    act_as("usr_test")
    for user, role in people.items():
        await put_member(records, owner.org_id, user, role, EU)
    await put_project_role(records, theirs.project.project_id, "usr_member", ProjectRole.PROJECT_ROLE_VIEWER)
    tokens = {user: await token_of(cells, user) for user in (*people, owner.user_id, "usr_stranger")}

    async def listed(user: str) -> list[str]:
        request = pb.ListProjectsRequest(org_id=owner.org_id)
        answer = await cell.orgs().ListProjects(request, metadata=bearer(tokens[user]))
        return [project.project_id for project in answer.projects]

    async def refusal(user: str, region: str, rpc: str = "AuthorizeCreate") -> str:
        request = pb.AuthorizeCreateRequest(org_id=owner.org_id, name="New", region=region)
        if rpc == "GetResidency":
            request = pb.GetResidencyRequest(org_id=owner.org_id)
        return await reason_of(getattr(cell.orgs(), rpc)(request, metadata=bearer(tokens[user])))

    every = [ours.project.project_id, theirs.project.project_id]
    assert await listed(owner.user_id) == every == await listed("usr_admin")
    assert await listed("usr_member") == [theirs.project.project_id]
    for user in ("usr_member", "usr_stranger"):
        assert await refusal(user, EU) == "PERMISSION_DENIED"
    assert await refusal("usr_admin", US) == "PERMISSION_DENIED"
    request = pb.AuthorizeCreateRequest(org_id=owner.org_id, name="New", region=EU)
    assert (await cell.orgs().AuthorizeCreate(request, metadata=bearer(tokens["usr_admin"]))).ticket
    for user in ("usr_admin", "usr_stranger"):
        assert await refusal(user, "", "GetResidency") == "PERMISSION_DENIED"
    residency = await cell.orgs().GetResidency(
        pb.GetResidencyRequest(org_id=owner.org_id), metadata=owner.metadata
    )
    assert residency.primary_region == EU
    assert [(project.project_id, project.region) for project in residency.projects] == [
        (every[0], EU),
        (every[1], US),
    ]


async def token_of(cells: Cells, user_id: str) -> str:
    key = await cells.of[EU].token_key()
    return key.sign({"sub": user_id}, issuer=EU, audience=USER, lifetime=timedelta(minutes=1))


async def test_only_the_operator_sets_a_plan(cells: Cells, pki: Path) -> None:
    owner = await cells.sign_up(EU)
    request = pb.SetPlanRequest(org_id=owner.org_id, plan="enterprise")
    shim = cells.of[EU].orgs()
    assert await reason_of(shim.SetPlan(request, metadata=owner.metadata)) == "ROLE_FORBIDDEN"
    node = make_node(pki, region=GLOBAL, role="operator").node
    async with node.channel(EU, address(cells.of[EU])) as channel:
        await OrgServiceStub(channel).SetPlan(request)
        unknown = pb.SetPlanRequest(org_id=owner.org_id, plan="free")
        assert await reason_of(OrgServiceStub(channel).SetPlan(unknown)) == "INVALID_ARGUMENT"
    listed = await shim.ListOrgs(pb.ListOrgsRequest(region=EU), metadata=owner.metadata)
    assert [org.plan for org in listed.orgs] == ["enterprise"]


async def test_access_rows_are_told_to_the_region_of_their_projects_only(cells: Cells) -> None:
    request = pb.WatchRequest(primary_region=EU, project_region=EU)
    async with cells.of[US].node.channel(EU, address(cells.of[EU])) as channel:
        stream = AccessServiceStub(channel).Watch(request)
        assert await reason_of(anext(stream)) == "CROSSING_FORBIDDEN"


async def test_a_changed_role_reaches_the_projects_region(cells: Cells) -> None:
    owner = await cells.sign_up(EU)
    project_id = (await cells.create(owner, US)).project.project_id
    there, records = cells.of[US].directory, cells.of[EU].records.orgs
    act_as("usr_test")
    for role in (OrgRole.ORG_ROLE_ADMIN, OrgRole.ORG_ROLE_MEMBER):
        await put_member(records, owner.org_id, "usr_bob", role, US)
        admin = role == OrgRole.ORG_ROLE_ADMIN
        await until(lambda admin=admin: (there.access("usr_bob", project_id) is not None) == admin)


async def test_a_completed_project_is_told_at_once_not_with_the_next_heartbeat(
    pki: Path, tmp_path: Path
) -> None:
    async with Cells(pki, tmp_path, (EU, US), OrgConfig(heartbeat_s=600.0)) as cells:
        owner = await cells.sign_up(EU)
        await cells.create(owner, US)
        permit = await cells.authorise(owner, US)
        ticket = jwt.decode(permit.ticket, options={"verify_signature": False})
        await cells.of[US].projects().Provision(ProvisionRequest(region=US, ticket=permit.ticket))
        complete = pb.CompleteCreateRequest(org_id=owner.org_id, project_id=permit.project_id)
        await cells.of[EU].orgs().CompleteCreate(complete, metadata=owner.metadata)

        def told() -> bool:
            fact = cells.of[US].directory.access(owner.user_id, permit.project_id)
            return fact is not None and fact.epoch > ticket["epoch"]

        await until(told, deadline_s=SILENCE_S / 2)


async def test_a_creation_cut_off_before_its_last_step_is_finished(cells: Cells) -> None:
    owner = await cells.sign_up(EU)
    permit = await cells.authorise(owner, US)
    await cells.of[US].projects().Provision(ProvisionRequest(region=US, ticket=permit.ticket))
    lost = await cells.authorise(owner, US)
    records = cells.of[EU].records.orgs

    async def settled() -> bool:
        return await records.overdue(1 << 60) == []

    await until(settled)
    (project,) = await records.projects(owner.org_id, visible_to=None)
    assert project.project_id == permit.project_id != lost.project_id

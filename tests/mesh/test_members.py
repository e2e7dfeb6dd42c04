"""Members and teams over the public API, between two regions: who may, and from when it counts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from mesh.context import act_as
from sankofa.org.v1.member_pb2 import SetMemberRoleRequest
from sankofa.org.v1.member_pb2_grpc import MemberServiceStub
from sankofa.org.v1.org_pb2 import ProjectRole
from services.org.config import OrgConfig
from tests.support.cells import HINTS, PASSWORD, Cells, Owner, until
from tests.support.mails import code_for, mails
from tests.support.nodes import EU, US
from tests.support.shim import NOWHERE, start_shim

pytestmark = [pytest.mark.disk, pytest.mark.network]

EDITOR = ProjectRole.PROJECT_ROLE_EDITOR
PROJECT_ADMIN = ProjectRole.PROJECT_ROLE_ADMIN


@dataclass
class Mesh:
    """A shim of eu-west-1, cells of two regions, and Ada, an Owner whose organisation is in us-east-1."""

    cells: Cells
    folder: Path
    http: httpx.AsyncClient
    owner: Owner

    async def ask(self, method: str, path: str, token: str | None = None, **options: Any) -> httpx.Response:
        """About Ada's organisation."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        query = {} if path.startswith("projects/") else {"org_id": self.owner.org_id}
        return await self.http.request(
            method, f"/api/v1/{path}", headers=headers, params=query, timeout=20, **options
        )

    async def done(self, method: str, path: str, token: str | None = None, **options: Any) -> dict[str, Any]:
        """The same, done well."""
        answer = await self.ask(method, path, token or self.owner.token, **options)
        assert answer.status_code in (200, 201), answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def refused(self, method: str, path: str, token: str, **options: Any) -> tuple[int, str]:
        answer = await self.ask(method, path, token, **options)
        assert answer.status_code >= 400, answer.text
        return answer.status_code, answer.json()["error"]

    async def invite(self, email: str, role: str = "member", **projects: str) -> str:
        """What the mail says."""
        await self.done("POST", "members/invite", json={"email": email, "role": role, "projects": projects})
        return code_for(self.folder / US, email)

    async def person(self, email: str, region: str = EU) -> str:
        """The token of somebody with an account in a region, and an organisation of their own there."""
        body = {"email": email, "password": PASSWORD, "org_name": "Own", "primary_region": region}
        answer = await self.http.post("/api/v1/auth/signup", json=body, timeout=20)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["token"])

    async def join(self, email: str, role: str = "member", **projects: str) -> tuple[str, str]:
        """A member whose account is in eu-west-1: user id and token."""
        token = await self.person(email)
        code = await self.invite(email, role, **projects)
        answer = await self.http.post(
            "/api/v1/members/accept",
            json={"token": code},
            headers={"authorization": f"Bearer {token}"},
            timeout=20,
        )
        assert answer.status_code == 201, answer.text
        return str(answer.json()["user_id"]), token


@pytest.fixture
async def mesh(pki: Path, tmp_path: Path) -> AsyncIterator[Mesh]:
    async with AsyncExitStack() as stack:
        # Nothing but a change itself may tell a region of it within a test.
        config = OrgConfig(heartbeat_s=600.0, token_lifetime_s=3600.0)
        cells = await stack.enter_async_context(Cells(pki, tmp_path, (EU, US), config))
        owner = await cells.sign_up(US)
        act_as("operator/test")
        await cells.of[US].records.orgs.set_plan(owner.org_id, "enterprise")
        shim = await start_shim(
            stack,
            pki,
            cells.of[EU].directory,
            cell_address=NOWHERE,
            registry_address=f"127.0.0.1:{cells.registry.port}",
            hint_of=HINTS.hint,
        )
        yield Mesh(cells, tmp_path, shim.http, owner)


async def test_a_person_of_another_region_joins_and_logs_in_to_both_organisations(mesh: Mesh) -> None:
    bob, token = await mesh.join("bob@example.org", "admin")
    listed = await mesh.done("GET", "members", token)
    assert [(one["user_id"], one["email"], one["role"], one["home_region"]) for one in listed["members"]] == [
        (mesh.owner.user_id, "ada@example.org", "owner", US),
        (bob, "bob@example.org", "admin", EU),
    ]
    assert listed["invitations"] == []
    body = {"email": "BOB@example.org", "password": PASSWORD}
    signed_in = (await mesh.http.post("/api/v1/auth/login", json=body, timeout=20)).json()
    assert [(org["name"], org["primary_region"], org["role"]) for org in signed_in["orgs"]] == [
        ("Analytical", US, "admin"),
        ("Own", EU, "owner"),
    ]
    assert signed_in["user"]["home_region"] == EU and "unreachable_regions" not in signed_in
    await mesh.cells.of[US].stop()
    away = (await mesh.http.post("/api/v1/auth/login", json=body, timeout=20)).json()
    assert [org["name"] for org in away["orgs"]] == ["Own"] and away["unreachable_regions"] == [US]
    await mesh.cells.of[US].start()


async def test_a_new_account_is_made_on_the_way_at_home_in_the_organisations_region(mesh: Mesh) -> None:
    code = await mesh.invite("bob@example.org")
    accept = {"token": code, "password": PASSWORD}
    short = await mesh.ask("POST", "members/accept", json=accept | {"password": "short"})
    assert (short.status_code, "8 to 1024" in short.json()["error"]) == (400, True)
    joined = await mesh.ask("POST", "members/accept", json=accept)
    assert (joined.status_code, joined.json()["org"]["role"]) == (201, "member")
    again = await mesh.ask("POST", "members/accept", json=accept)
    assert (again.status_code, "ask for a new one" in again.json()["error"]) == (404, True)

    async def knows() -> bool:
        body = {"email": "bob@example.org", "password": PASSWORD}
        answer = (await mesh.http.post("/api/v1/auth/login", json=body, timeout=20)).json()
        return bool(answer["ok"] and answer["user"]["home_region"] == US and len(answer["orgs"]) == 1)

    await until(knows)


async def test_an_email_with_an_account_accepts_signed_in_and_as_no_other(mesh: Mesh) -> None:
    bob, eve = await mesh.person("bob@example.org"), await mesh.person("eve@example.org")
    code = await mesh.invite("Bob@example.org")
    with_password = await mesh.ask("POST", "members/accept", json={"token": code, "password": PASSWORD})
    assert (with_password.status_code, "log in instead" in with_password.json()["error"]) == (409, True)
    assert await mesh.refused("POST", "members/accept", eve, json={"token": code}) == (
        403,
        "The invitation is for another e-mail: sign in to its account, or accept it with a password",
    )
    both = await mesh.ask("POST", "members/accept", bob, json={"token": code, "password": PASSWORD})
    neither = await mesh.ask("POST", "members/accept", json={"token": code})
    assert both.status_code == neither.status_code == 400
    assert (await mesh.ask("POST", "members/accept", bob, json={"token": code})).status_code == 201
    again = await mesh.invite("eve@example.org")
    assert (await mesh.ask("POST", "members/accept", eve, json={"token": again + "x"})).status_code == 404
    status, text = await mesh.refused(
        "POST", "members/invite", mesh.owner.token, json={"email": "bob@example.org"}
    )
    assert (status, text) == (409, "This person is a member already")


async def test_the_secret_of_an_invitation_rests_nowhere_but_in_its_mail(mesh: Mesh) -> None:
    code = await mesh.invite("bob@example.org")
    secret = code.partition(".")[2].encode()
    assert secret in b"".join(path.read_bytes() for path in mesh.folder.rglob("*.eml"))
    others = [path for path in mesh.folder.rglob("*") if path.is_file() and path.suffix != ".eml"]
    assert len(others) > 4 and not any(secret in path.read_bytes() for path in others)
    (mail,) = mails(mesh.folder / US)
    assert mail["Subject"] == "Your invitation to Analytical"
    assert not (mesh.folder / EU / "outbox").exists()


async def test_an_invitation_is_sent_again_and_withdrawn(mesh: Mesh) -> None:
    first = await mesh.invite("bob@example.org", "owner")
    _, admin = await mesh.join("eve@example.org", "admin")
    (open_one,) = (await mesh.done("GET", "members", admin))["invitations"]
    path = f"members/invitations/{open_one['id']}"
    for method, what in (("POST", f"{path}/resend"), ("DELETE", path)):
        status, text = await mesh.refused(method, what, admin)
        assert (status, text) == (403, "Permission denied: members.owners takes an Owner of the organisation")
    await mesh.done("POST", f"{path}/resend")
    second = code_for(mesh.folder / US, "bob@example.org")
    assert first != second
    accept = {"token": first, "password": PASSWORD}
    assert (await mesh.ask("POST", "members/accept", json=accept)).status_code == 404
    await mesh.done("DELETE", path)
    accept = {"token": second, "password": PASSWORD}
    assert (await mesh.ask("POST", "members/accept", json=accept)).status_code == 404
    assert (await mesh.ask("DELETE", path, mesh.owner.token)).status_code == 404


async def test_an_admin_can_not_make_change_or_remove_owners_and_a_member_nobody(mesh: Mesh) -> None:
    ada = mesh.owner.user_id
    _, admin = await mesh.join("bob@example.org", "admin")
    eve, member = await mesh.join("eve@example.org")
    await mesh.done("PATCH", f"members/{eve}", admin, json={"role": "admin"})
    await mesh.done("PATCH", f"members/{eve}", admin, json={"role": "member"})
    for token, method, path, body in (
        (admin, "PATCH", f"members/{eve}", {"role": "owner"}),
        (admin, "PATCH", f"members/{ada}", {"role": "member"}),
        (admin, "DELETE", f"members/{ada}", None),
        (admin, "POST", "members/invite", {"email": "dan@example.org", "role": "owner"}),
        (member, "PATCH", f"members/{eve}", {"role": "admin"}),
        (member, "DELETE", f"members/{ada}", None),
        (member, "POST", "members/invite", {"email": "dan@example.org"}),
        (member, "POST", "teams", {"name": "Mine"}),
    ):
        status, text = await mesh.refused(method, path, token, json=body)
        assert (status, text.startswith("Permission denied: ")) == (403, True), text
    assert (await mesh.done("GET", "members", member))["invitations"] == []
    await mesh.done("DELETE", f"members/{eve}", member)
    assert (await mesh.ask("GET", "members", member)).status_code == 403


async def test_an_organisation_always_has_an_owner(mesh: Mesh) -> None:
    ada = mesh.owner.user_id
    refusal = (409, "An organisation needs an Owner: make somebody else one first")
    assert await mesh.refused("DELETE", f"members/{ada}", mesh.owner.token) == refusal
    assert await mesh.refused("PATCH", f"members/{ada}", mesh.owner.token, json={"role": "admin"}) == refusal
    bob, token = await mesh.join("bob@example.org", "owner")
    answers = await asyncio.gather(
        mesh.ask("PATCH", f"members/{bob}", mesh.owner.token, json={"role": "member"}),
        mesh.ask("PATCH", f"members/{ada}", token, json={"role": "member"}),
    )
    assert sorted(answer.status_code for answer in answers) == [200, 403]
    left = next(
        by for by, answer in zip((mesh.owner.token, token), answers, strict=True) if answer.is_success
    )
    listed = await mesh.done("GET", "members", left)
    assert [one["role"] for one in listed["members"]].count("owner") == 1


async def test_a_change_of_role_counts_in_every_region_when_it_is_answered(mesh: Mesh) -> None:
    bob, token = await mesh.join("bob@example.org", "admin")
    here, there = await mesh.cells.create(mesh.owner, EU), await mesh.cells.create(mesh.owner, US)
    projects = {EU: here.project.project_id, US: there.project.project_id}

    def roles() -> dict[str, int]:
        facts = {
            region: mesh.cells.of[region].directory.access(bob, project)
            for region, project in projects.items()
        }
        return {region: fact.role for region, fact in facts.items() if fact is not None}

    await until(lambda: len(roles()) == 2)
    path = f"members/{bob}"
    for _ in range(5):
        await mesh.done("PATCH", path, json={"role": "member"})
        assert roles() == {}
        project = await mesh.ask("GET", f"projects/{projects[EU]}", token)
        assert project.status_code == 403
        await mesh.done("PATCH", path, json={"role": "admin"})
        assert roles() == {EU: PROJECT_ADMIN, US: PROJECT_ADMIN}
        assert (await mesh.ask("GET", f"projects/{projects[EU]}", token)).status_code == 200
    await mesh.done("DELETE", path)
    assert roles() == {}
    assert (await mesh.ask("GET", f"projects/{projects[EU]}", token)).status_code == 403
    assert (await mesh.ask("GET", "members", token)).status_code == 403


async def test_a_change_of_role_does_not_fail_with_a_region_that_is_away(mesh: Mesh) -> None:
    bob, _ = await mesh.join("bob@example.org", "admin")
    await mesh.cells.create(mesh.owner, EU)
    await mesh.cells.of[EU].stop()
    try:
        stub = MemberServiceStub(mesh.cells.of[US].channel())
        request = SetMemberRoleRequest(org_id=mesh.owner.org_id, user_id=bob, role=1)
        changed = await stub.SetMemberRole(request, metadata=mesh.owner.metadata, timeout=20)
        assert changed.member.role == 1
    finally:
        await mesh.cells.of[EU].start()


async def test_a_team_gives_its_members_a_role_and_a_role_by_name_beats_it(mesh: Mesh) -> None:
    project_id = (await mesh.cells.create(mesh.owner, EU)).project.project_id
    bob, token = await mesh.join("bob@example.org")
    members = f"projects/{project_id}/members"
    team = (await mesh.done("POST", "teams", json={"name": " Growth "}))["team"]
    at = f"teams/{team['id']}"
    assert (team["name"], team["user_ids"], team["projects"]) == ("Growth", [], {})
    assert (await mesh.done("PATCH", at, json={"name": "Sales"}))["team"]["name"] == "Sales"
    await mesh.done("POST", f"{at}/projects", json={"project_id": project_id, "role": "admin"})
    filled = (await mesh.done("POST", f"{at}/members", json={"user_id": bob}))["team"]
    assert (filled["user_ids"], filled["projects"]) == ([bob], {project_id: "admin"})
    ada, by_team = (await mesh.done("GET", members, token))["members"]
    assert (ada["role"], ada["org_role"], ada["given_role"]) == ("admin", "owner", None)
    assert (by_team["role"], by_team["given_role"], by_team["team_ids"]) == ("admin", None, [team["id"]])
    given = await mesh.done("PUT", f"{members}/{bob}", token, json={"role": "viewer"})
    assert (given["member"]["role"], given["member"]["given_role"]) == ("viewer", "viewer")
    fact = mesh.cells.of[EU].directory.access(bob, project_id)
    assert fact is not None and fact.role == ProjectRole.PROJECT_ROLE_VIEWER
    status, text = await mesh.refused("DELETE", f"{members}/{bob}", token)
    assert (status, text) == (
        403,
        "Permission denied: project.members.manage takes an Admin of the project",
    )
    assert (await mesh.done("DELETE", f"{members}/{bob}"))["member"]["role"] == "admin"
    await mesh.done("DELETE", f"{at}/members/{bob}")
    assert mesh.cells.of[EU].directory.access(bob, project_id) is None
    await mesh.done("POST", f"{at}/members", json={"user_id": bob})
    await mesh.done("DELETE", f"{at}/projects/{project_id}")
    assert mesh.cells.of[EU].directory.access(bob, project_id) is None
    assert (await mesh.done("DELETE", at)) == {"ok": True}
    assert (await mesh.done("GET", "teams"))["teams"] == []
    assert (await mesh.ask("DELETE", at, mesh.owner.token)).status_code == 404


async def test_an_invitation_can_bring_roles_in_projects(mesh: Mesh) -> None:
    project_id = (await mesh.cells.create(mesh.owner, EU)).project.project_id
    bob, token = await mesh.join("bob@example.org", "member", **{project_id: "editor"})
    fact = mesh.cells.of[EU].directory.access(bob, project_id)
    assert fact is not None and fact.role == EDITOR
    assert (await mesh.ask("GET", f"projects/{project_id}", token)).status_code == 200
    unknown = {"email": "eve@example.org", "projects": {"proj_none": "viewer"}}
    assert await mesh.refused("POST", "members/invite", mesh.owner.token, json=unknown) == (
        404,
        "Project not found",
    )


async def test_a_plan_has_a_number_of_members(mesh: Mesh) -> None:
    act_as("operator/test")
    await mesh.cells.of[US].records.orgs.set_plan(mesh.owner.org_id, "hobby")
    for name in ("bob", "eve"):
        await mesh.invite(f"{name}@example.org")
    status, text = await mesh.refused(
        "POST", "members/invite", mesh.owner.token, json={"email": "dan@example.org"}
    )
    assert (status, "4 members need the Pro plan" in text) == (403, True)

"""Who becomes whom by single sign-on, and what that opens: takeovers, links, removals, `required`."""

from __future__ import annotations

from typing import Any

import httpx
import jwt
import pytest

from mesh.context import act_as
from sankofa.ingest.v1.project_pb2 import GetProjectRequest
from sankofa.org.v1.org_pb2 import OrgRole
from tests.support.cells import bearer as metadata
from tests.support.cells import reason_of, until
from tests.support.nodes import EU, US
from tests.support.oidc.lying import Lying
from tests.support.oidc.mesh import Browser, SsoMesh, bearer
from tests.support.roles import put_member

pytestmark = [pytest.mark.disk, pytest.mark.network]


async def test_settings_that_would_let_in_too_many_are_refused(mesh: SsoMesh, lying: Lying) -> None:
    wrong: list[dict[str, Any]] = [
        {"allowed_domains": []},
        {"allowed_domains": ["*.example.org"]},
        {"default_role": "owner"},
        {"client_secret_name": "../../records.db"},
        {"client_secret_name": "missing"},
    ]
    for changed in wrong:
        assert (await mesh.put(lying.issuer, **changed)).status_code == 400, changed


async def test_below_enterprise_there_is_no_single_sign_on(mesh: SsoMesh, lying: Lying) -> None:
    await mesh.set(lying.issuer, required=True)
    browser = Browser()
    sent = await mesh.start(browser)
    await mesh.plan("growth")
    refused = await mesh.put(lying.issuer)
    assert refused.status_code == 403 and "plan_required" in refused.json()["error"]
    start = await mesh.http(EU).get("/api/v1/auth/sso/start", params={"org_id": mesh.org_id})
    assert start.status_code == 403
    lying.nonce = sent.params["nonce"]
    ended = await mesh.finish(browser, {"state": sent.params["state"], "code": "c"})
    assert ended.status_code == 403
    deleted = await mesh.http(EU).delete(
        f"/api/v1/sso?org_id={mesh.org_id}", headers=bearer(mesh.owner.token)
    )
    assert deleted.status_code == 200


async def test_an_email_alone_never_opens_a_members_account(mesh: SsoMesh, lying: Lying) -> None:
    """Takeover: a provider, or who has set it, vouches for the Owner's e-mail."""
    await mesh.set(lying.issuer)
    lying.claims = {"email": "ADA@example.org"}
    answer = await mesh.come_back(lying, Browser())
    assert answer.status_code == 409 and "/api/v1/sso/link" in answer.json()["error"]
    browser = Browser()
    sent = httpx.URL((await mesh.link(browser, mesh.owner.token)).json()["url"])
    lying.nonce = sent.params["nonce"]
    linked = await mesh.finish(browser, {"state": sent.params["state"], "code": "c"})
    assert linked.json()["user"]["id"] == mesh.owner.user_id
    assert linked.json()["orgs"][0]["role"] == "owner"
    assert (await mesh.come_back(lying, Browser())).json()["user"]["id"] == mesh.owner.user_id


async def test_an_account_is_linked_by_its_own_session_in_its_own_browser_only(
    mesh: SsoMesh, lying: Lying
) -> None:
    await mesh.set(lying.issuer)
    stranger = await mesh.cells.sign_up(US, "stranger@example.org")
    assert (await mesh.link(Browser(), stranger.token)).status_code == 403
    by_sso = await mesh.signed_in(lying)
    assert (await mesh.link(Browser(), by_sso["token"])).status_code == 401
    # Whoever sends the Owner their own link does not become the Owner, nor the Owner them.
    attacker = Browser()
    sent = httpx.URL((await mesh.link(attacker, mesh.owner.token)).json()["url"])
    lying.nonce, lying.claims = sent.params["nonce"], {"sub": "sub-9"}
    victim = Browser()
    await mesh.start(victim)
    assert (await mesh.finish(victim, {"state": sent.params["state"], "code": "c"})).status_code == 401
    # A person who is somebody else here can't be taken over by a link either.
    sent = httpx.URL((await mesh.link(attacker, mesh.owner.token)).json()["url"])
    lying.nonce, lying.claims = sent.params["nonce"], {}
    taken = await mesh.finish(attacker, {"state": sent.params["state"], "code": "c"})
    assert taken.status_code == 409


async def test_a_member_who_was_removed_does_not_come_back_by_signing_in(mesh: SsoMesh, lying: Lying) -> None:
    await mesh.set(lying.issuer)
    person = await mesh.signed_in(lying)
    act_as(mesh.owner.user_id)
    user_id = person["user"]["id"]
    await put_member(mesh.cells.of[EU].records.orgs, mesh.org_id, user_id, OrgRole.ORG_ROLE_UNSPECIFIED, "")
    listed = await mesh.http(EU).get(
        "/api/v1/projects", params={"org_id": mesh.org_id}, headers=bearer(person["token"])
    )
    assert listed.status_code == 403
    assert (await mesh.come_back(lying, Browser())).status_code == 403


async def test_a_token_of_single_sign_on_is_good_for_its_organisation_and_nothing_else(
    mesh: SsoMesh, lying: Lying
) -> None:
    """An Owner who sets a provider of their own says who is who in their organisation, and in no other."""
    await mesh.set(lying.issuer)
    browser = Browser()
    sent = httpx.URL((await mesh.link(browser, mesh.owner.token)).json()["url"])
    lying.nonce = sent.params["nonce"]
    token = (await mesh.finish(browser, {"state": sent.params["state"], "code": "c"})).json()["token"]
    said = jwt.decode(token, options={"verify_signature": False})
    assert (said["aud"], said["org_id"], said["iss"]) == ("member", mesh.org_id, EU)
    other = await mesh.cells.sign_up(EU, "other@example.org")
    act_as(other.user_id)
    records = mesh.cells.of[EU].records.orgs
    await put_member(records, other.org_id, mesh.owner.user_id, OrgRole.ORG_ROLE_OWNER, EU)
    project = (await mesh.cells.create(other, US)).project.project_id
    there = mesh.cells.of[US]
    await until(lambda: there.directory.access(mesh.owner.user_id, project))
    request = GetProjectRequest(project_id=project)
    await there.projects().GetProject(request, metadata=metadata(mesh.owner.token))
    asked = there.projects().GetProject(request, metadata=metadata(token))
    assert await reason_of(asked) == "INVALID_TOKEN"
    http = mesh.http(EU)
    listed = await http.get("/api/v1/projects", params={"org_id": other.org_id}, headers=bearer(token))
    assert listed.status_code == 401
    regions = await http.get("/api/v1/admin/regions", headers=bearer(token))
    assert regions.status_code == 200


async def test_where_it_is_required_only_owners_come_with_a_password_in_every_region(
    mesh: SsoMesh, lying: Lying
) -> None:
    await mesh.set(lying.issuer, default_role="admin")
    project = (await mesh.cells.create(mesh.owner, US)).project.project_id
    person = await mesh.cells.sign_up(US, "member@example.org")
    act_as(mesh.owner.user_id)
    home = mesh.cells.of[EU]
    await put_member(home.records.orgs, mesh.org_id, person.user_id, OrgRole.ORG_ROLE_ADMIN, US)
    by_sso = await mesh.signed_in(lying)
    there, request = mesh.cells.of[US], GetProjectRequest(project_id=project)

    async def opens(token: str) -> bool:
        listed = await mesh.http(US).get(
            "/api/v1/projects", params={"org_id": mesh.org_id}, headers=bearer(token)
        )
        return listed.status_code == 200

    async def project_opens(token: str) -> str:
        return await reason_or_ok(there.projects().GetProject(request, metadata=metadata(token)))

    async def reason_or_ok(call: Any) -> str:
        try:
            return await reason_of(call)
        except AssertionError:
            return "OK"

    assert await opens(person.token) and await opens(by_sso["token"])
    await mesh.set(lying.issuer, required=True)
    refused = await mesh.http(US).get(
        "/api/v1/projects", params={"org_id": mesh.org_id}, headers=bearer(person.token)
    )
    assert refused.status_code == 403 and "/api/v1/auth/sso/start" in refused.json()["error"]
    assert await opens(by_sso["token"]) and await opens(mesh.owner.token)

    async def closed() -> bool:
        return await project_opens(person.token) == "SSO_REQUIRED"

    await until(closed)
    assert await project_opens(by_sso["token"]) == "OK"
    assert await project_opens(mesh.owner.token) == "OK"
    # Their own account still shows who they are, to be linked.
    assert (await mesh.link(Browser(), person.token)).status_code == 200
    await mesh.plan("growth")

    async def opened() -> bool:
        return await project_opens(person.token) == "OK"

    await until(opened)
    assert await opens(person.token)

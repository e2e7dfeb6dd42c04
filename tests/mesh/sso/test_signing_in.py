"""From the first visit to a token, with a real provider, through any region: state, browser, code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from sqlalchemy import update

from storage.records.tables import sso_sign_ins
from tests.support.cells import until
from tests.support.nodes import EU, US
from tests.support.oidc.lying import Lying
from tests.support.oidc.mesh import CALLBACK, Browser, SsoMesh, bearer, sso_mesh
from tests.support.oidc.real import OTHER_CLIENT, Provider, running_provider
from tests.support.postgres import running_postgres

pytestmark = [pytest.mark.disk, pytest.mark.network]


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("provider")
    people = {"grace": "grace@example.org", "mallory": "mallory@elsewhere.org"}
    with running_provider(folder, CALLBACK, people) as running:
        yield running


async def test_a_person_of_a_real_provider_comes_in_by_any_regions_shim_as_one_member(
    mesh: SsoMesh, provider: Provider
) -> None:
    assert (await mesh.put(provider.issuer, at=US)).json()["redirect_uri"] == CALLBACK
    people = []
    for begins, ends in ((US, EU), (EU, US)):
        browser = Browser()
        sent = await mesh.start(browser, at=begins, return_to="/projects?tab=1")
        assert sent.params["code_challenge_method"] == "S256"
        back = httpx.URL(provider.log_in(str(sent), "grace"))
        assert str(back.copy_with(query=None)) == CALLBACK
        answer = await mesh.finish(browser, dict(back.params), at=ends)
        assert answer.status_code == 200, answer.text
        assert answer.headers["cache-control"] == "no-store"
        people.append(answer.json())
    first, again = people
    assert first["return_to"] == "/projects?tab=1"
    assert first["user"]["email"] == "grace@example.org"
    assert [(org["id"], org["role"]) for org in first["orgs"]] == [(mesh.org_id, "member")]
    assert again["user"]["id"] == first["user"]["id"]
    listed = await mesh.http(US).get(
        "/api/v1/projects", params={"org_id": mesh.org_id}, headers=bearer(first["token"])
    )
    assert listed.status_code == 200
    provisioned = [row for row in await mesh.audit() if row.action == "member.provisioned"]
    assert [(row.actor_id, row.resource_id) for row in provisioned] == [(first["user"]["id"],) * 2]


async def test_a_code_for_another_client_signs_nobody_in(mesh: SsoMesh, provider: Provider) -> None:
    await mesh.set(provider.issuer)
    browser = Browser()
    sent = await mesh.start(browser)
    stolen = sent.copy_merge_params({"client_id": OTHER_CLIENT})
    answer = await mesh.finish(browser, dict(httpx.URL(provider.log_in(str(stolen), "grace")).params))
    assert answer.status_code == 401
    assert "did not take the code" in answer.json()["error"]


async def test_a_code_that_was_begun_with_another_challenge_signs_nobody_in(
    mesh: SsoMesh, provider: Provider
) -> None:
    """Injected into somebody's own sign-in: the provider compares it with our verifier."""
    await mesh.set(provider.issuer)
    theirs = dict(httpx.URL(provider.log_in(str(await mesh.start(Browser())), "grace")).params)
    browser = Browser()
    sent = await mesh.start(browser)
    answer = await mesh.finish(browser, theirs | {"state": sent.params["state"]})
    assert answer.status_code == 401


async def test_the_domain_decides_whom_a_real_provider_may_vouch_for(
    mesh: SsoMesh, provider: Provider
) -> None:
    await mesh.set(provider.issuer)
    browser = Browser()
    back = httpx.URL(provider.log_in(str(await mesh.start(browser)), "mallory"))
    answer = await mesh.finish(browser, dict(back.params))
    assert answer.status_code == 401 and "domain" in answer.json()["error"]


async def test_a_state_is_good_once_in_the_browser_that_began_and_for_ten_minutes(
    mesh: SsoMesh, lying: Lying
) -> None:
    await mesh.set(lying.issuer)
    browser = Browser()
    sent = await mesh.start(browser)
    lying.nonce, state = sent.params["nonce"], sent.params["state"]
    back = {"state": state, "code": "c"}
    forged = {"state": f"{mesh.org_id}.{'x' * 43}", "code": "c"}
    assert (await mesh.finish(browser, forged)).status_code == 401
    assert (await mesh.finish(browser, {"state": "org_nobody.x", "code": "c"})).status_code == 401
    assert (await mesh.finish(browser, back)).status_code == 200
    again = await mesh.finish(browser, back)
    assert again.status_code == 401 and "begin again" in again.json()["error"]
    # Another browser: somebody would be signed in as somebody else. It uses the state up, too.
    for other in (Browser(), Browser({"sankofa_sso": "y" * 43})):
        sent = await mesh.start(browser)
        lying.nonce = sent.params["nonce"]
        assert (await mesh.finish(other, {"state": sent.params["state"], "code": "c"})).status_code == 401
    sent = await mesh.start(browser)
    lying.nonce = sent.params["nonce"]
    async with mesh.cells.of[EU].records._database.write() as connection:
        await connection.execute(update(sso_sign_ins).values(expires_at=1))
    assert (await mesh.finish(browser, {"state": sent.params["state"], "code": "c"})).status_code == 401
    assert lying.asked.count("/token") == 1


async def test_return_to_stays_on_the_callers_own_site(mesh: SsoMesh, lying: Lying) -> None:
    await mesh.set(lying.issuer)
    for elsewhere in ("https://evil.org", "//evil.org", "/\\evil.org", "javascript:alert(1)", "/a\nb"):
        answer = await mesh.http(EU).get(
            "/api/v1/auth/sso/start", params={"org_id": mesh.org_id, "return_to": elsewhere}
        )
        assert answer.status_code == 400, elsewhere


async def test_a_client_that_is_no_browser_is_told_where_to_go(mesh: SsoMesh, lying: Lying) -> None:
    await mesh.set(lying.issuer)
    answer = await mesh.http(EU).get("/api/v1/auth/sso/start", params={"org_id": mesh.org_id})
    assert answer.status_code == 200
    assert answer.json()["url"].startswith(lying.issuer)
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=lax" in cookie


async def test_secrets_are_in_no_database_and_in_no_span(mesh: SsoMesh, lying: Lying) -> None:
    marked = "secret-marker-7f3a"
    mesh.secret(EU, marked)
    await mesh.set(lying.issuer)
    lying.claims = {"email": "marked-person@example.org"}
    person = await mesh.signed_in(lying)
    for region, cell in mesh.cells.of.items():
        for file in cell.folder.rglob("*"):
            if file.is_file() and "secrets" not in file.parts:
                found = file.read_bytes()
                assert marked.encode() not in found, file
                assert person["token"].encode() not in found, file
                assert region == EU or b"marked-person" not in found, file
    for shim in mesh.shims.values():
        for span in shim.rest.spans:
            assert "marked" not in str(dict(span.attributes or {}))


@pytest.mark.postgres
async def test_the_whole_way_on_postgresql(pki: Path, tmp_path: Path, lying: Lying) -> None:
    with running_postgres() as server:
        url = await server.new_database()
        async with sso_mesh(pki, tmp_path / "mesh", records_url=url) as mesh:
            await mesh.set(lying.issuer, required=True)
            first, again = await mesh.signed_in(lying), await mesh.signed_in(lying)
            assert first["user"] == again["user"]
            listed = await mesh.http(US).get(
                "/api/v1/projects", params={"org_id": mesh.org_id}, headers=bearer(first["token"])
            )
            assert listed.status_code == 200


async def test_who_somebody_is_moves_with_the_organisation(mesh: SsoMesh, lying: Lying) -> None:
    await mesh.set(lying.issuer)
    before = await mesh.signed_in(lying)
    browser = Browser()
    under_way = await mesh.start(browser)
    asked = await mesh.http(EU).post(
        f"/api/v1/admin/regions/orgs/{mesh.org_id}/assign",
        json={"region": US},
        headers=bearer(mesh.owner.token),
        timeout=30,
    )
    assert asked.status_code < 300, asked.text
    for cell in mesh.cells.of.values():
        await until(lambda cell=cell: cell.directory.org(mesh.org_id).primary_region == US)
    lying.nonce = under_way.params["nonce"]
    cut_off = await mesh.finish(browser, {"state": under_way.params["state"], "code": "c"})
    assert cut_off.status_code == 401 and "begin again" in cut_off.json()["error"]
    mesh.secret(US, "the same")
    after = await mesh.signed_in(lying)
    assert after["user"]["id"] == before["user"]["id"]
    assert jwt.decode(after["token"], options={"verify_signature": False})["iss"] == US
    assert after["orgs"][0]["primary_region"] == US

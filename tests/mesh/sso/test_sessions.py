"""Sessions of single sign-on: who holds one ends it, everywhere, and so does the account it is linked to."""

from __future__ import annotations

from typing import Any

import httpx
import jwt
import pytest

from mesh.context import act_as
from mesh.errors import Unauthenticated
from mesh.tokens import MEMBER, verify
from sankofa.org.v1.org_pb2 import OrgRole
from storage.records.outbox import enqueue
from tests.support.cells import PASSWORD, Owner, until
from tests.support.nodes import EU, US
from tests.support.oidc.lying import Lying
from tests.support.oidc.mesh import Browser, SsoMesh, bearer
from tests.support.roles import put_member
from tests.support.rows import account_end

pytestmark = [pytest.mark.disk, pytest.mark.network]


def said_in(token: str) -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return found


def good_in(mesh: SsoMesh, region: str, token: str) -> bool:
    try:
        return bool(verify(token, directory=mesh.cells.of[region].directory, audience=MEMBER))
    except Unauthenticated:
        return False


async def ended(mesh: SsoMesh, token: str) -> None:
    """In every region."""
    for region in (EU, US):
        await until(lambda region=region: not good_in(mesh, region, token))


async def signed_in(mesh: SsoMesh, lying: Lying) -> str:
    return str((await mesh.signed_in(lying))["token"])


async def linked(mesh: SsoMesh, lying: Lying, token: str) -> str:
    """A token of single sign-on of the account of `token`."""
    browser = Browser()
    sent = httpx.URL((await mesh.link(browser, token)).json()["url"])
    lying.nonce = sent.params["nonce"]
    answer = await mesh.finish(browser, {"state": sent.params["state"], "code": "c"})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["token"])


async def member_of_us(mesh: SsoMesh) -> Owner:
    """A member whose account's home is another region than the organisation's primary."""
    person = await mesh.cells.sign_up(US, "grace@example.org")
    act_as(mesh.owner.user_id)
    records = mesh.cells.of[EU].records.orgs
    await put_member(records, mesh.org_id, person.user_id, OrgRole.ORG_ROLE_MEMBER, US)
    return person


async def test_a_sign_out_ends_one_or_all_sign_ins_of_a_person_in_every_region(
    mesh: SsoMesh, lying: Lying
) -> None:
    await mesh.set(lying.issuer)
    first, second, third = [await signed_in(mesh, lying) for _ in range(3)]
    lying.claims = {"sub": "sub-9", "email": "linus@example.org"}
    other = await signed_in(mesh, lying)
    assert len({said_in(token)["sid"] for token in (first, second, third, other)}) == 4
    assert "home" not in said_in(first), "nobody has an account"
    listed = await mesh.http(US).get("/api/v1/auth/sessions", headers=bearer(first))
    assert [each["org_id"] for each in listed.json()["sessions"]] == [mesh.org_id] * 3
    out = await mesh.http(US).post("/api/v1/auth/signout", json={}, headers=bearer(first))
    assert out.status_code == 200, out.text
    await ended(mesh, first)
    again = await mesh.http(US).get("/api/v1/projects", params={"org_id": mesh.org_id}, headers=bearer(first))
    assert again.status_code == 401 and "has ended" in again.json()["error"]
    assert good_in(mesh, EU, second) and good_in(mesh, US, second)
    everywhere = {"everywhere": True}
    out = await mesh.http(EU).post("/api/v1/auth/signout", json=everywhere, headers=bearer(second))
    assert out.status_code == 200
    for token in (second, third):
        await ended(mesh, token)
    assert good_in(mesh, EU, other) and good_in(mesh, US, other)


async def test_a_single_sign_on_does_nothing_to_the_account_that_it_is_linked_to(
    mesh: SsoMesh, lying: Lying
) -> None:
    await mesh.set(lying.issuer)
    token = await linked(mesh, lying, mesh.owner.token)
    change = {"old_password": PASSWORD, "new_password": "battery staple"}
    refused = await mesh.http(EU).post("/api/v1/auth/password", json=change, headers=bearer(token))
    assert refused.status_code == 401
    own = said_in(mesh.owner.token)["sid"]
    refused = await mesh.http(EU).delete(f"/api/v1/auth/sessions/{own}", headers=bearer(token))
    assert refused.status_code == 404
    everywhere = {"everywhere": True}
    out = await mesh.http(EU).post("/api/v1/auth/signout", json=everywhere, headers=bearer(token))
    assert out.status_code == 200
    await ended(mesh, token)
    listed = await mesh.http(EU).get("/api/v1/auth/sessions", headers=bearer(mesh.owner.token))
    assert [each["org_id"] for each in listed.json()["sessions"]] == [None]


@pytest.mark.parametrize("home", [EU, US])
@pytest.mark.parametrize("how", ["password", "signout"])
async def test_an_account_ends_the_sign_ins_that_are_linked_to_it_from_its_home(
    mesh: SsoMesh, lying: Lying, home: str, how: str
) -> None:
    """The organisation is in eu-west-1 both times: its tokens are ended by another region's word, too."""
    await mesh.set(lying.issuer)
    person = mesh.owner if home == EU else await member_of_us(mesh)
    token = await linked(mesh, lying, person.token)
    assert said_in(token)["home"] == home and said_in(token)["iss"] == EU
    assert good_in(mesh, EU, token) and good_in(mesh, US, token)
    change = {"old_password": PASSWORD, "new_password": "battery staple"}
    body: dict[str, Any] = change if how == "password" else {"everywhere": True}
    done = await mesh.http(EU).post(f"/api/v1/auth/{how}", json=body, headers=bearer(person.token))
    assert done.status_code == 200, done.text
    await ended(mesh, token)
    kept = await mesh.http(home).get("/api/v1/auth/sessions", headers=bearer(person.token))
    assert kept.status_code == (200 if how == "password" else 401)
    await mesh.cells.of[EU].restart(lose_directory=True)
    await mesh.cells.of[US].restart(lose_directory=True)
    for region in (EU, US):
        directory = mesh.cells.of[region].directory
        await until(lambda directory=directory: directory.account_ended_ms(home, person.user_id))


async def test_who_is_removed_is_signed_out_of_the_organisation_in_every_region(
    mesh: SsoMesh, lying: Lying
) -> None:
    await mesh.set(lying.issuer)
    person = await member_of_us(mesh)
    token = await linked(mesh, lying, person.token)
    removed = await mesh.http(US).delete(
        f"/api/v1/members/{person.user_id}?org_id={mesh.org_id}", headers=bearer(mesh.owner.token), timeout=30
    )
    assert removed.status_code == 200, removed.text
    assert not good_in(mesh, EU, token), "at once"
    await ended(mesh, token)
    await mesh.cells.of[EU].restart(lose_directory=True)
    await until(lambda: not good_in(mesh, EU, token))
    assert (await mesh.http(US).get("/api/v1/auth/sessions", headers=bearer(person.token))).status_code == 200


async def test_no_region_ends_the_sign_ins_of_another_regions_account(mesh: SsoMesh, lying: Lying) -> None:
    """us-east-1 says that eu-west-1's account has ended: nobody asks it."""
    await mesh.set(lying.issuer)
    token = await linked(mesh, lying, mesh.owner.token)
    there = mesh.cells.of[US]
    async with there.records.sessions._database.write() as connection:
        await enqueue(connection, [account_end(mesh.owner.user_id, US, 2**50).row])
    there.publisher.wake()
    here = mesh.cells.of[EU].directory
    await until(lambda: here.account_ended_ms(US, mesh.owner.user_id))
    assert good_in(mesh, EU, token) and good_in(mesh, US, token)

"""What a directory does to people and teams: who comes in, who is out, and whom it can't touch."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from tests.support.nodes import EU, US
from tests.support.oidc.lying import Lying
from tests.support.oidc.mesh import Browser, SsoMesh, bearer
from tests.support.scim.directory import Directory, directory_of, user

pytestmark = [pytest.mark.disk, pytest.mark.network]

OUT = {"op": "replace", "path": "active", "value": False}
BACK = {"op": "Replace", "value": {"active": "True"}}
"""As Entra ID writes it."""


@pytest.fixture
async def directory(mesh: SsoMesh, lying: Lying) -> Directory:
    """Of an organisation in eu-west-1, at the URL of us-east-1."""
    await mesh.set(lying.issuer)
    made = await directory_of(mesh, at=US)
    made.http = mesh.http(US)
    return made


async def sees(mesh: SsoMesh, token: str, *, at: str = US) -> int:
    answer = await mesh.http(at).get(
        f"/api/v1/members?org_id={mesh.org_id}", headers=bearer(token), timeout=30
    )
    return answer.status_code


async def actors(mesh: SsoMesh) -> dict[str, str]:
    return {row.action: row.actor_id for row in await mesh.audit()}


async def test_who_the_directory_names_comes_in_by_single_sign_on_and_is_out_at_once(
    mesh: SsoMesh, lying: Lying, directory: Directory
) -> None:
    made = await directory.create("Grace@Example.org", externalId="00u1", roles=[{"value": "admin"}])
    assert made["active"] and made["roles"] == [{"value": "admin"}] and "name" not in made
    assert made["meta"]["location"] == f"{directory.root}/Users/{made['id']}"
    lying.claims = {"sub": "sub-1", "email": "grace@example.org"}
    signed = await mesh.signed_in(lying)
    assert signed["user"]["id"] == made["id"] and signed["orgs"][0]["role"] == "admin"
    assert await sees(mesh, signed["token"]) == 200
    assert (await directory.patch(f"Users/{made['id']}", OUT)).status_code == 204
    assert await sees(mesh, signed["token"]) == 401
    assert await sees(mesh, signed["token"], at=EU) == 401
    assert (await mesh.come_back(lying, Browser())).status_code == 403
    found = await directory.get("Users", filter='userName eq "grace@example.org"')
    assert found["totalResults"] == 1 and found["Resources"][0]["active"] is False
    assert "roles" not in found["Resources"][0]
    assert (await directory.patch(f"Users/{made['id']}", BACK)).status_code == 204
    assert await sees(mesh, signed["token"]) == 401, "who is back signs in again"
    again = await mesh.signed_in(lying)
    assert again["user"]["id"] == made["id"] and again["orgs"][0]["role"] == "member"
    assert (await directory.ask("DELETE", f"Users/{made['id']}")).status_code == 204
    assert await sees(mesh, again["token"]) == 401
    assert (await directory.ask("GET", f"Users/{made['id']}")).status_code == 404
    told = await actors(mesh)
    scim = {"member.provisioned", "member.deactivated", "member.reactivated", "member.removed"}
    assert {told[action].split("_")[0] for action in scim} == {"scim/sct"}
    assert told["sso.identity.claimed"] == made["id"]
    # Whom it names anew is somebody new, and the provider's person is them now.
    anew = await directory.create("grace@example.org")
    assert anew["id"] != made["id"]
    assert (await mesh.signed_in(lying))["user"]["id"] == anew["id"]


async def test_an_email_that_somebody_signs_in_with_already_opens_nothing_to_another(
    mesh: SsoMesh, lying: Lying, directory: Directory
) -> None:
    made = await directory.create("grace@example.org")
    lying.claims = {"sub": "sub-1", "email": "grace@example.org"}
    assert (await mesh.signed_in(lying))["user"]["id"] == made["id"]
    lying.claims = {"sub": "sub-2", "email": "grace@example.org"}
    assert (await mesh.come_back(lying, Browser())).status_code == 409
    lying.claims = {"sub": made["id"], "email": "eve@example.org"}
    assert (await mesh.signed_in(lying))["user"]["id"] != made["id"]


async def test_members_with_an_account_are_adopted_and_never_taken_over(
    mesh: SsoMesh, lying: Lying, directory: Directory
) -> None:
    owner = mesh.owner.user_id
    [known] = (await directory.get("Users", filter='userName eq "ADA@example.org"'))["Resources"]
    assert known["id"] == owner and known["roles"] == [{"value": "owner"}]
    assert (await directory.ask("POST", "Users", user("ada@example.org"))).status_code == 409
    # Neither by another e-mail of theirs, nor by a directory's word, is the provider's person the Owner.
    changed = user("ada.l@example.org", externalId="00u0")
    answer = await directory.ask("PUT", f"Users/{owner}", changed)
    assert answer.status_code == 200 and answer.json()["userName"] == "ada.l@example.org"
    lying.claims = {"sub": "sub-7", "email": "ada.l@example.org"}
    assert (await mesh.signed_in(lying))["user"]["id"] != owner
    lying.claims = {"sub": "sub-8", "email": "ada@example.org"}
    assert (await mesh.come_back(lying, Browser())).status_code == 409
    member = await mesh.http(EU).get(
        f"/api/v1/members?org_id={mesh.org_id}", headers=bearer(mesh.owner.token)
    )
    assert {each["email"] for each in member.json()["members"] if each["user_id"] == owner} == {
        "ada@example.org"
    }


async def test_an_owner_is_made_by_owners_and_the_last_one_stays(
    mesh: SsoMesh, lying: Lying, directory: Directory
) -> None:
    path = f"Users/{mesh.owner.user_id}"
    for answer in (await directory.patch(path, OUT), await directory.ask("DELETE", path)):
        assert answer.status_code == 409 and "needs an Owner" in answer.json()["detail"]
    demoted = await directory.patch(path, {"op": "replace", "path": "roles", "value": [{"value": "member"}]})
    assert demoted.status_code == 400 and demoted.json()["scimType"] == "invalidValue"
    assert await sees(mesh, mesh.owner.token) == 200


async def test_teams_are_groups_whose_members_change_at_the_same_time(
    mesh: SsoMesh, lying: Lying, directory: Directory
) -> None:
    people = [await directory.create(f"p{number}@example.org") for number in range(4)]
    group = await directory.group("Growth", people[0]["id"])
    path = f"Groups/{group['id']}"

    async def add(person: str) -> httpx.Response:
        return await directory.patch(path, {"op": "Add", "path": "members", "value": [{"value": person}]})

    added = await asyncio.gather(*(add(person["id"]) for person in people[1:]))
    assert [answer.status_code for answer in added] == [204] * 3
    found = await directory.get(path)
    assert {each["value"] for each in found["members"]} == {person["id"] for person in people}
    listed = await mesh.http(EU).get(f"/api/v1/teams?org_id={mesh.org_id}", headers=bearer(mesh.owner.token))
    assert len(listed.json()["teams"][0]["user_ids"]) == 4
    removed = f'members[value eq "{people[0]["id"]}"]'
    renamed = {"op": "replace", "path": "displayName", "value": "Growing"}
    assert (await directory.patch(path, {"op": "remove", "path": removed}, renamed)).status_code == 204
    [found] = (await directory.get("Groups", filter='displayName eq "growing"'))["Resources"]
    assert len(found["members"]) == 3
    [person] = (await directory.get("Users", filter=f'id eq "{people[1]["id"]}"'))["Resources"]
    assert [each["value"] for each in person["groups"]] == [group["id"]]
    stranger = await add("usr_nobody")
    assert stranger.status_code == 400 and "no active user" in stranger.json()["detail"]
    assert (await directory.ask("DELETE", path)).status_code == 204
    assert (await directory.ask("GET", path)).status_code == 404


async def test_a_list_comes_in_pages(mesh: SsoMesh, lying: Lying, directory: Directory) -> None:
    for number in range(3):
        await directory.create(f"p{number}@example.org")
    pages = [await directory.get("Users", startIndex=str(at), count="2") for at in (1, 3, 5)]
    assert [page["totalResults"] for page in pages] == [4, 4, 4]
    assert [len(page.get("Resources", [])) for page in pages] == [2, 2, 0]
    ids = {each["id"] for page in pages for each in page.get("Resources", [])}
    assert len(ids) == 4

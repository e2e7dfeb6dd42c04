"""What a primary region keeps of single sign-on, on SQLite and PostgreSQL: who becomes whom, and once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from mesh.context import act_as
from mesh.errors import Conflict, Forbidden
from sankofa.org.v1.org_pb2 import OrgRole
from storage.records import sql_sso
from storage.records.orgs import Account, OrgProject, OrgRecord
from storage.records.records import Records
from storage.records.sso import SignIn, SsoSettings, Vouched
from tests.support.nodes import EU, US
from tests.support.roles import put_member

pytestmark = [pytest.mark.disk, pytest.mark.network]

ORG, OWNER = "org_1", "usr_owner"
GRACE = Vouched("https://login.example.org", "sub-1", "grace@example.org")
SETTINGS = SsoSettings(
    GRACE.issuer, "client", "secret-name", OrgRole.ORG_ROLE_MEMBER, ("example.org",), False
)
MEMBER = OrgRole.ORG_ROLE_MEMBER


@pytest.fixture
async def kept(records: Records) -> AsyncIterator[Records]:
    """With an organisation on the Enterprise plan, and a project of it elsewhere."""
    owner = Account(OWNER, "ada@example.org", "ada@example.org", "hash", 1)
    await records.orgs.sign_up(owner, OrgRecord(ORG, "Shop", "hobby", 1, 1), "hint")
    await records.orgs.set_plan(ORG, "enterprise")
    await records.orgs.add_pending(OrgProject("proj_1", ORG, "P", US, "pending", 10, 1, OWNER))
    await records.orgs.complete(ORG, "proj_1")
    yield records


def sign_in(number: int, *, expires: int = 1_000, org_id: str = ORG) -> SignIn:
    return SignIn(
        state_hash=b"%032d" % number,
        org_id=org_id,
        issuer=GRACE.issuer,
        client_id="client",
        redirect_uri="https://eu.example.org/callback",
        nonce="n",
        verifier="v",
        browser_hash=b"b" * 32,
        return_to="",
        link_user_id="",
        expires_at_ms=expires,
    )


async def test_settings_are_kept_whole_and_forgotten(kept: Records) -> None:
    assert await kept.sso.settings(ORG) is None
    for settings in (SETTINGS, replace(SETTINGS, required=True, allowed_domains=("a.org", "b.org"))):
        await kept.sso.put_settings(ORG, settings)
        assert await kept.sso.settings(ORG) == settings
    await kept.sso.delete_settings(ORG)
    await kept.sso.delete_settings(ORG)
    assert await kept.sso.settings(ORG) is None


async def test_a_sign_in_is_taken_once_by_its_organisation_and_in_time(kept: Records) -> None:
    for number in range(3):
        await kept.sso.begin(sign_in(number), now_ms=1)
    assert await kept.sso.take("org_2", sign_in(0).state_hash, now_ms=2) is None
    assert await kept.sso.take(ORG, sign_in(0).state_hash, now_ms=2) == sign_in(0)
    assert await kept.sso.take(ORG, sign_in(0).state_hash, now_ms=2) is None
    assert await kept.sso.take(ORG, sign_in(1).state_hash, now_ms=1_000) is None
    await kept.sso.begin(sign_in(9, expires=5_000), now_ms=1_000)
    assert await kept.sso.take(ORG, sign_in(2).state_hash, now_ms=2) is None


async def test_too_many_sign_ins_drive_out_the_oldest_of_their_own_organisation(
    kept: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql_sso, "MOST_SIGN_INS", 2)
    await kept.sso.begin(sign_in(0, expires=100, org_id="org_2"), now_ms=1)
    for number in (1, 2, 3):
        await kept.sso.begin(sign_in(number, expires=200 + number), now_ms=1)
    assert await kept.sso.take(ORG, sign_in(1).state_hash, now_ms=2) is None
    assert await kept.sso.take(ORG, sign_in(2).state_hash, now_ms=2) is not None
    assert await kept.sso.take("org_2", sign_in(0).state_hash, now_ms=2) is not None


async def test_a_person_is_admitted_once_and_known_by_issuer_and_subject(kept: Records) -> None:
    act_as("usr_1", GRACE.email)
    assert await kept.sso.admit(ORG, GRACE, "usr_1", MEMBER) == "usr_1"
    assert await kept.sso.admit(ORG, replace(GRACE, email="other@example.org"), "usr_2", MEMBER) == "usr_1"
    assert await kept.sso.identity(ORG, GRACE) == "usr_1"
    assert await kept.sso.identity(ORG, replace(GRACE, issuer="https://other.org")) is None
    assert await kept.sso.identity(ORG, replace(GRACE, subject="sub-2")) is None
    member = await kept.sso.membership(ORG, "usr_1")
    assert member is not None and member.email == GRACE.email
    assert await kept.sso.home(ORG, "usr_1") == ""


@pytest.mark.parametrize("email", ["Ada@Example.org", "grace@example.org"])
async def test_the_email_of_a_member_admits_nobody_else(kept: Records, email: str) -> None:
    await kept.sso.admit(ORG, GRACE, "usr_1", MEMBER)
    with pytest.raises(Conflict):
        await kept.sso.admit(ORG, Vouched(GRACE.issuer, "sub-9", email), "usr_9", MEMBER)
    assert await kept.sso.membership(ORG, "usr_9") is None


async def test_a_plan_without_room_admits_nobody(kept: Records) -> None:
    for number in range(3):
        await kept.sso.admit(ORG, Vouched("i", f"s{number}", f"p{number}@x.org"), f"usr_{number}", MEMBER)
    await kept.orgs.set_plan(ORG, "hobby")
    with pytest.raises(Forbidden):
        await kept.sso.admit(ORG, GRACE, "usr_1", MEMBER)


async def test_a_link_moves_no_person_from_one_member_to_another(kept: Records) -> None:
    await kept.sso.link(ORG, GRACE, OWNER)
    await kept.sso.link(ORG, GRACE, OWNER)
    assert await kept.sso.identity(ORG, GRACE) == OWNER
    another = replace(GRACE, subject="sub-2")
    await kept.sso.link(ORG, another, OWNER)
    assert await kept.sso.identity(ORG, GRACE) is None, "a member has one subject of a provider"
    await kept.sso.admit(ORG, replace(GRACE, email="new@example.org"), "usr_1", MEMBER)
    with pytest.raises(Conflict):
        await kept.sso.link(ORG, GRACE, OWNER)
    await put_member(kept.orgs, ORG, "usr_1", OrgRole.ORG_ROLE_UNSPECIFIED, "")
    await kept.sso.link(ORG, GRACE, OWNER)
    assert await kept.sso.identity(ORG, GRACE) == OWNER


async def test_whose_word_counts_is_told_to_projects_and_said_of_memberships(kept: Records) -> None:
    await put_member(kept.orgs, ORG, "usr_1", OrgRole.ORG_ROLE_ADMIN, US)

    async def told() -> dict[str, str]:
        rows = (await kept.orgs.access(US, after_seq=None)).rows
        return {row.user_id: row.home_region for row in rows}

    async def said() -> str:
        member = await kept.orgs.membership(ORG, "usr_1")
        assert member is not None
        return member.home_region

    assert (await told(), await said()) == ({OWNER: EU, "usr_1": US}, US)
    await kept.sso.put_settings(ORG, replace(SETTINGS, required=True))
    assert (await told(), await said()) == ({OWNER: EU, "usr_1": ""}, "")
    assert await kept.sso.home(ORG, "usr_1") == US
    await kept.orgs.set_plan(ORG, "growth")
    assert (await told(), await said()) == ({OWNER: EU, "usr_1": US}, US)
    await kept.orgs.set_plan(ORG, "enterprise")
    assert await said() == ""
    await kept.sso.delete_settings(ORG)
    assert (await told(), await said()) == ({OWNER: EU, "usr_1": US}, US)

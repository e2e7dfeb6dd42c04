"""Members, invitations, teams and roles in projects: one suite, SQLite and a real PostgreSQL."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh.clock import wall_ms
from mesh.errors import Conflict, Forbidden, NotFound, SankofaError
from mesh.permissions import OrgAction, require
from mesh.plans import require_members
from sankofa.org.v1.org_pb2 import OrgRole, ProjectRole
from sankofa.residency.v1.error_pb2 import ErrorReason
from storage.records import engine
from storage.records.engine import Database
from storage.records.members import Invitation, Joining, Team
from storage.records.orgs import Account, OrgProject, OrgRecord
from storage.records.records import Records
from storage.records.scim import ScimPage
from storage.records.sessions import SessionRecord
from tests.support.nodes import EU, US

pytestmark = [pytest.mark.disk, pytest.mark.network]

MEMBER, ADMIN, OWNER = OrgRole.ORG_ROLE_MEMBER, OrgRole.ORG_ROLE_ADMIN, OrgRole.ORG_ROLE_OWNER
NOTHING, VIEWER, EDITOR, PROJECT_ADMIN = ProjectRole.values()
ORG, NOW, LATER = "org_1", 1_000, 2_000


@pytest.fixture
async def records(records: Records) -> Records:
    """With an organisation on the Pro plan, its Owner usr_ada, and a project in each of two regions."""
    account = Account("usr_ada", "Ada@example.org", "ada@example.org", "hash", 1)
    await records.orgs.sign_up(account, OrgRecord(ORG, "Org", "pro", 1, 1), "hint")
    for name, region in (("proj_eu", EU), ("proj_us", US)):
        await records.orgs.add_pending(OrgProject(name, ORG, name, region, "pending", 1_000, 1, "usr_ada"))
        await records.orgs.complete(ORG, name)
    return records


def anybody(_: OrgRole, __: OrgRole) -> None:
    """Permits."""


def owners(acting: OrgRole, _: OrgRole) -> None:
    """Permits Owners."""
    require(OrgAction.MANAGE_OWNERS, acting)


def invitation(name: str = "bob", role: OrgRole = MEMBER, **projects: ProjectRole) -> Invitation:
    email = f"{name}@example.org"
    return Invitation(f"inv_{name}", ORG, email, email, role, projects, "usr_ada", NOW, LATER)


async def join(records: Records, name: str, role: OrgRole = MEMBER, **projects: ProjectRole) -> str:
    await records.members.invite(invitation(name, role, **projects), name.encode(), lambda *_: None)
    joining = Joining(f"usr_{name}", f"{name}@example.org", US, NOW + 1)
    await records.members.accept(ORG, name.encode(), joining)
    return joining.user_id


async def roles(records: Records) -> dict[str, OrgRole]:
    return {member.user_id: member.role for member in await records.members.members(ORG)}


async def told(records: Records, region: str = EU) -> dict[str, int]:
    """User id → role, as the access feed tells a region."""
    return {row.user_id: row.role for row in (await records.orgs.access(region, after_seq=None)).rows}


def reason(caught: pytest.ExceptionInfo[SankofaError]) -> str:
    return ErrorReason.Name(caught.value.reason).removeprefix("ERROR_REASON_")


async def test_who_signs_up_is_a_member_by_their_email(records: Records) -> None:
    (ada,) = await records.members.members(ORG)
    assert (ada.user_id, ada.email, ada.role, ada.home_region) == ("usr_ada", "Ada@example.org", OWNER, EU)
    assert await records.orgs.pointers("usr_ada") == [ORG]


async def test_an_invitation_opens_one_membership_once(records: Records) -> None:
    await records.members.invite(invitation(proj_us=EDITOR), b"secret", require_members)
    assert await records.members.invitations(ORG, NOW) == [invitation(proj_us=EDITOR)]
    joining = Joining("usr_bob", "bob@example.org", US, NOW)
    with pytest.raises(NotFound):
        await records.members.accept(ORG, b"another", joining)
    assert (await records.members.accept(ORG, b"secret", joining)).role == MEMBER
    assert await records.members.invitations(ORG, NOW) == []
    with pytest.raises(NotFound) as caught:
        await records.members.accept(ORG, b"secret", replace(joining, user_id="usr_eve"))
    assert reason(caught) == "INVITATION_NOT_FOUND"
    assert await roles(records) == {"usr_ada": OWNER, "usr_bob": MEMBER}
    assert await told(records, US) == {"usr_ada": PROJECT_ADMIN, "usr_bob": EDITOR}
    assert await told(records, EU) == {"usr_ada": PROJECT_ADMIN}
    assert await records.orgs.pointers("usr_bob") == []  # their home is elsewhere


async def test_who_accepts_while_somebody_asks_for_the_known_is_known(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are invited until they are a member; known or not says whether their account may go."""
    await records.members.invite(invitation(), b"secret", require_members)
    execute = AsyncConnection.execute

    async def then_accepted(connection: AsyncConnection, *asked: Any, **options: Any) -> Any:
        monkeypatch.undo()
        answer = await execute(connection, *asked, **options)
        await records.members.accept(ORG, b"secret", Joining("usr_bob", "bob@example.org", US, NOW))
        return answer

    monkeypatch.setattr(AsyncConnection, "execute", then_accepted)
    people = {"usr_bob": "Bob@example.org", "usr_eve": "eve@example.org"}
    assert await records.members.known(ORG, people, US, NOW) == {"usr_bob"}
    assert await roles(records) == {"usr_ada": OWNER, "usr_bob": MEMBER}
    assert await records.members.known(ORG, people, US, NOW) == {"usr_bob"}
    assert await records.members.known(ORG, people, EU, NOW) == set(), "their home is another region"


async def test_of_two_who_accept_one_secret_at_once_one_joins(records: Records) -> None:
    await records.members.invite(invitation(), b"secret", require_members)
    joinings = [Joining(f"usr_{n}", "bob@example.org", US, NOW) for n in range(4)]
    answers = await asyncio.gather(
        *(records.members.accept(ORG, b"secret", each) for each in joinings), return_exceptions=True
    )
    assert sorted(type(answer).__name__ for answer in answers) == ["Membership", *["NotFound"] * 3]
    assert len(await roles(records)) == 2


async def test_an_invitation_ends_by_time_by_withdrawal_and_by_another_one(records: Records) -> None:
    joining = Joining("usr_bob", "bob@example.org", US, LATER)
    await records.members.invite(invitation(), b"first", require_members)
    with pytest.raises(NotFound):
        await records.members.accept(ORG, b"first", joining)
    assert await records.members.invitations(ORG, LATER) == []
    again = replace(invitation(), invitation_id="inv_again", role=ADMIN, expires_at_ms=LATER + 1)
    await records.members.invite(again, b"second", require_members)
    renewed = await records.members.renew(ORG, "inv_again", b"third", LATER + 2, anybody)
    assert renewed.expires_at_ms == LATER + 2
    for ended in (b"first", b"second"):
        with pytest.raises(NotFound):
            await records.members.invited(ORG, ended, NOW)
    assert (await records.members.invited(ORG, b"third", NOW)).role == ADMIN
    await records.members.withdraw(ORG, "inv_again", anybody)
    with pytest.raises(NotFound):
        await records.members.accept(ORG, b"third", joining)


async def test_a_plan_counts_members_and_open_invitations(records: Records) -> None:
    await records.orgs.set_plan(ORG, "hobby")
    for name in ("bob", "eve"):
        await records.members.invite(invitation(name), name.encode(), require_members)
    with pytest.raises(Forbidden) as caught:
        await records.members.invite(invitation("dan"), b"dan", require_members)
    assert reason(caught) == "PLAN_REQUIRED"
    await records.members.invite(invitation("eve", ADMIN), b"eve again", require_members)
    later = replace(invitation("dan"), created_at_ms=LATER, expires_at_ms=LATER + 1)
    await records.members.invite(later, b"dan", require_members)


async def test_nobody_is_invited_twice_or_to_what_is_not_there(records: Records) -> None:
    with pytest.raises(Conflict) as caught:
        await records.members.invite(invitation("ada"), b"x", require_members)
    assert reason(caught) == "ALREADY_MEMBER"
    with pytest.raises(NotFound):
        await records.members.invite(invitation(proj_none=VIEWER), b"x", require_members)
    with pytest.raises(NotFound):
        await records.members.invite(replace(invitation(), org_id="org_none"), b"x", require_members)
    assert await records.members.invitations(ORG, NOW) == []


async def test_a_new_account_has_its_home_here_and_one_email(records: Records) -> None:
    await records.members.invite(invitation(), b"secret", require_members)
    account = Account("usr_bob", "bob@example.org", "bob@example.org", "hash", NOW)
    joining = Joining("usr_bob", account.email, EU, NOW, account, "bob's hint")
    taken = replace(account, user_id="usr_x", email_key="ada@example.org")
    with pytest.raises(Conflict) as caught:
        await records.members.accept(ORG, b"secret", replace(joining, user_id="usr_x", account=taken))
    assert reason(caught) == "EMAIL_TAKEN"
    await records.members.accept(ORG, b"secret", joining)
    assert await records.orgs.account("bob@example.org") == account
    assert await records.orgs.pointers("usr_bob") == [ORG]
    hints = [row.row.login_hint.hint for row in await records.outbox.pending(None, 100)]
    assert "bob's hint" in hints


async def test_there_is_always_an_owner(records: Records) -> None:
    with pytest.raises(Conflict) as caught:
        await records.members.set_role(ORG, "usr_ada", ADMIN, "usr_ada", anybody)
    assert reason(caught) == "LAST_OWNER"
    with pytest.raises(Conflict):
        await records.members.remove(ORG, "usr_ada", "usr_ada", anybody)
    bob = await join(records, "bob", OWNER)
    assert (await records.members.set_role(ORG, "usr_ada", MEMBER, bob, owners)).role == MEMBER
    assert await roles(records) == {"usr_ada": MEMBER, bob: OWNER}


async def test_of_two_owners_who_demote_or_remove_each_other_at_once_one_stays(records: Records) -> None:
    for name in ("bob", "eve", "dan"):
        other = await join(records, name, OWNER)
        pairs = (("usr_ada", other), (other, "usr_ada"))
        if name == "dan":
            changes = [records.members.remove(ORG, one, by, owners) for one, by in pairs]
        else:
            changes = [records.members.set_role(ORG, one, MEMBER, by, owners) for one, by in pairs]
        answers = await asyncio.gather(*changes, return_exceptions=True)
        refused = [answer for answer in answers if isinstance(answer, BaseException)]
        assert len(refused) == 1 and isinstance(refused[0], Forbidden)
        left = [user for user, role in (await roles(records)).items() if role == OWNER]
        assert len(left) == 1
        if name != "dan" and left != ["usr_ada"]:
            await records.members.set_role(ORG, "usr_ada", OWNER, other, owners)
            await records.members.remove(ORG, other, "usr_ada", owners)


async def test_whose_role_has_changed_meanwhile_is_judged_by_the_new_one(records: Records) -> None:
    bob, eve = await join(records, "bob", OWNER), await join(records, "eve")
    await records.members.set_role(ORG, bob, MEMBER, "usr_ada", owners)
    with pytest.raises(Forbidden):
        await records.members.set_role(ORG, eve, OWNER, bob, owners)
    await records.members.remove(ORG, bob, "usr_ada", owners)
    with pytest.raises(Forbidden):
        await records.members.remove(ORG, eve, bob, anybody)
    for absent in (bob, "usr_none"):
        with pytest.raises(NotFound):
            await records.members.set_role(ORG, absent, ADMIN, "usr_ada", anybody)


async def test_a_role_by_name_beats_the_teams_and_the_best_team_counts(records: Records) -> None:
    bob = await join(records, "bob")
    for name, role in (("a", VIEWER), ("b", PROJECT_ADMIN)):
        await records.teams.create(ORG, Team(f"team_{name}", name, NOW))
        await records.teams.set_project(ORG, f"team_{name}", "proj_eu", role)
        await records.teams.set_member(ORG, f"team_{name}", bob, is_member=True)
    assert (await told(records))[bob] == PROJECT_ADMIN
    await records.members.set_project_role(ORG, "proj_eu", bob, VIEWER)
    assert (await told(records))[bob] == VIEWER == await records.members.project_role(ORG, "proj_eu", bob)
    ada, found = await records.members.project_members(ORG, "proj_eu")
    assert (ada.role, ada.given, found.role, found.given) == (PROJECT_ADMIN, NOTHING, VIEWER, VIEWER)
    assert (found.member.user_id, list(found.team_ids)) == (bob, ["team_a", "team_b"])
    await records.members.set_project_role(ORG, "proj_eu", bob, NOTHING)
    await records.teams.set_project(ORG, "team_b", "proj_eu", EDITOR)
    assert (await told(records))[bob] == EDITOR
    await records.teams.delete(ORG, "team_b")
    assert (await told(records))[bob] == VIEWER
    await records.teams.set_member(ORG, "team_a", bob, is_member=False)
    assert bob not in await told(records)
    assert [each.member.user_id for each in await records.members.project_members(ORG, "proj_eu")] == [
        "usr_ada"
    ]


async def test_an_admin_is_admin_of_each_project_and_a_member_what_they_were_given_again(
    records: Records,
) -> None:
    bob = await join(records, "bob", MEMBER, proj_eu=VIEWER)
    await records.members.set_role(ORG, bob, ADMIN, "usr_ada", owners)
    assert (await told(records))[bob] == (await told(records, US))[bob] == PROJECT_ADMIN
    await records.members.set_role(ORG, bob, MEMBER, "usr_ada", owners)
    assert (await told(records))[bob] == VIEWER
    assert bob not in await told(records, US)


async def test_who_leaves_has_nothing_left_when_they_come_back(records: Records) -> None:
    bob = await join(records, "bob", MEMBER, proj_eu=ADMIN)
    await records.teams.create(ORG, Team("team_1", "One", NOW))
    await records.teams.set_project(ORG, "team_1", "proj_us", EDITOR)
    await records.teams.set_member(ORG, "team_1", bob, is_member=True)
    await records.members.remove(ORG, bob, bob, anybody)
    assert bob not in await told(records) and bob not in await told(records, US)
    await join(records, "bob")
    assert bob not in await told(records) and bob not in await told(records, US)
    (team,) = await records.teams.teams(ORG)
    assert (list(team.user_ids), team.projects) == ([], {"proj_us": EDITOR})


def sign_on(user_id: str, org_id: str = ORG, number: int = 1) -> SessionRecord:
    last_ms = NOW + 10**15
    return SessionRecord(
        f"ses_{user_id}_{org_id}_{number}", user_id, 0, NOW, NOW, last_ms, "", "", None, org_id
    )


async def test_who_leaves_is_signed_on_to_that_organisation_no_more_and_to_others_still(
    records: Records,
) -> None:
    bob, eve = await join(records, "bob"), await join(records, "eve")
    account = Account(bob, "bob@example.org", "bob@example.org", "hash", 1)
    await records.orgs.sign_up(account, OrgRecord("org_2", "Other", "pro", 1, 1), "hint 2")
    own = replace(sign_on(bob, ""), session_id="ses_own")
    for begun in (sign_on(bob), sign_on(bob, "org_2"), sign_on(eve), own):
        assert await records.sessions.begin(begun)
    [row] = await records.members.remove(ORG, bob, "usr_ada", anybody)
    assert (row.region, row.session_end.session_id) == (EU, f"ses_{bob}_{ORG}_1")
    assert row in [each.row for each in await records.outbox.pending(None, 100)]
    assert await records.sessions.ends(wall_ms()) == [row]
    assert await records.sessions.find(row.session_end.session_id) is None
    assert {each.session_id for each in await records.sessions.of(bob, NOW)} == {
        "ses_own",
        f"ses_{bob}_org_2_1",
    }
    assert await records.sessions.of(eve, NOW, org_id=ORG)
    assert await records.members.remove(ORG, eve, "usr_ada", anybody)


async def test_who_signs_on_while_they_are_removed_has_a_session_that_ended_or_none(
    records: Records,
) -> None:
    for number in range(5):
        bob = await join(records, f"bob{number}")
        begun, ended, later = await asyncio.gather(
            records.sessions.begin(sign_on(bob)),
            records.members.remove(ORG, bob, "usr_ada", anybody),
            records.sessions.begin(sign_on(bob, number=2)),
        )
        assert begun + later == len(ended)
        assert await records.sessions.of(bob, NOW) == []


async def test_teams_are_their_organisations_and_so_are_their_members_and_projects(records: Records) -> None:
    other = Account("usr_eve", "eve@example.org", "eve@example.org", "hash", 1)
    await records.orgs.sign_up(other, OrgRecord("org_2", "Other", "pro", 1, 1), "hint 2")
    await records.teams.create(ORG, Team("team_1", "One", NOW))
    assert (await records.teams.rename(ORG, "team_1", "Two")).name == "Two"
    for refused in (
        records.teams.rename("org_2", "team_1", "Three"),
        records.teams.delete("org_2", "team_1"),
        records.teams.set_member(ORG, "team_1", "usr_eve", is_member=True),
        records.teams.set_project(ORG, "team_1", "proj_none", VIEWER),
        records.members.set_project_role("org_2", "proj_eu", "usr_eve", VIEWER),
        records.members.set_project_role(ORG, "proj_eu", "usr_eve", VIEWER),
        records.members.project_members("org_2", "proj_eu"),
    ):
        with pytest.raises(NotFound):
            await refused
    assert await records.teams.teams("org_2") == []
    (team,) = await records.teams.teams(ORG)
    assert (team.name, list(team.user_ids), team.projects) == ("Two", [], {})


async def test_every_change_of_people_has_its_row_in_the_audit_log(records: Records, url: str) -> None:
    bob = await join(records, "bob", MEMBER, proj_eu=VIEWER)
    await records.members.set_role(ORG, bob, ADMIN, "usr_ada", anybody)
    await records.members.set_role(ORG, bob, ADMIN, "usr_ada", anybody)
    await records.members.set_project_role(ORG, "proj_eu", bob, EDITOR)
    await records.members.remove(ORG, bob, "usr_ada", anybody)
    assert await audited(url) == [
        "member.invited",
        "member.joined",
        "member.role.updated",
        "project.role.updated",
        "member.removed",
    ]


async def audited(url: str) -> list[str]:
    database = await Database.open(url, region=EU)
    async with database.read() as connection:
        query = f"SELECT action FROM org_audit WHERE org_id = '{ORG}' ORDER BY seq"
        found = [str(row.action) for row in await connection.execute(text(query))]
    await database.close()
    return [each for each in found if each.startswith("member.") or each == "project.role.updated"]


async def test_members_of_before_have_the_emails_of_their_accounts(
    empty_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Fenced ones too: their rows must look alike in the region that they are on their way to."""
    earlier = tmp_path / "earlier"
    shutil.copytree(Path(engine.__file__).parent / "schema", earlier)
    for path in (earlier / "versions").glob("v*.py"):
        if not path.name.startswith(("v0001", "v0002", "v0003", "v0004", "v0005", "v0006", "v0007", "v0008")):
            path.unlink()
    with monkeypatch.context() as then:
        then.setattr(engine, "_SCHEMA", earlier)
        database = await Database.open(empty_url, region=EU)
    async with database.write() as connection:
        for statement in (
            "INSERT INTO accounts VALUES ('usr_ada', 'Ada@example.org', 'ada@example.org', 'hash', 1)",
            "INSERT INTO orgs VALUES ('org_1', 'Org', 'pro', 1, 7)",
            "INSERT INTO members VALUES ('org_1', 'usr_ada', 3, 'eu-west-1'), "
            "('org_1', 'usr_far', 1, 'us-east-1')",
            "INSERT INTO fences (subject, to_region, moved, erasing) "
            "VALUES ('org_1', 'us-east-1', false, false)",
        ):
            await connection.execute(text(statement))
    await database.close()
    records = await Records.open(empty_url, region=EU)
    members = [(member.email, member.joined_at_ms) for member in await records.members.members("org_1")]
    assert members == [("Ada@example.org", 7), ("", 7)]
    assert await records.orgs.pointers("usr_ada") == ["org_1"]
    assert [
        user.user_id for user in (await records.scim.users("org_1", ScimPage(name="ADA@example.org")))[0]
    ] == ["usr_ada"]
    with pytest.raises(SankofaError) as caught:
        await records.members.set_role("org_1", "usr_far", ADMIN, "usr_ada", anybody)
    assert reason(caught) == "ORG_MOVING"
    await records.close()

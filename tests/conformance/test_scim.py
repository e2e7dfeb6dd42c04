"""What a primary region keeps of a directory, on SQLite and PostgreSQL."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select, text

from mesh.errors import Conflict, InvalidInput, NotFound
from sankofa.org.v1.org_pb2 import OrgRole
from sankofa.registry.v1.registry_pb2 import Row
from storage.records import engine, sql_scim, sql_teams
from storage.records.engine import Database
from storage.records.members import Team
from storage.records.orgs import Account, OrgProject, OrgRecord
from storage.records.records import Records
from storage.records.scim import ScimFields, ScimGroup, ScimPage, ScimToken, ScimUser
from storage.records.sessions import SessionRecord
from storage.records.sso import SsoSettings, Vouched
from storage.records.tables import org_audit
from tests.support.nodes import EU, US

pytestmark = [pytest.mark.disk, pytest.mark.network]

ORG, OWNER = "org_1", "usr_owner"
MEMBER, ADMIN = OrgRole.ORG_ROLE_MEMBER, OrgRole.ORG_ROLE_ADMIN
NO_ROLE = OrgRole.ORG_ROLE_UNSPECIFIED
GRACE = ScimFields("grace@example.org", "00u1", "grace@example.org", ADMIN, True)
EVERY = ScimPage()


@pytest.fixture
async def kept(records: Records) -> AsyncIterator[Records]:
    """With an organisation on the Enterprise plan, and a project of it elsewhere."""
    owner = Account(OWNER, "ada@example.org", "ada@example.org", "hash", 1)
    await records.orgs.sign_up(owner, OrgRecord(ORG, "Shop", "hobby", 1, 1), "hint")
    await records.orgs.set_plan(ORG, "enterprise")
    await records.orgs.add_pending(OrgProject("proj_1", ORG, "P", US, "pending", 10, 1, OWNER))
    await records.orgs.complete(ORG, "proj_1")
    yield records


async def replaced(records: Records, user: ScimUser, fields: ScimFields) -> ScimUser:
    return (await replacing(records, user, fields))[0]


async def replacing(records: Records, user: ScimUser, fields: ScimFields) -> tuple[ScimUser, list[Row]]:
    return await records.scim.replace_user(
        ORG,
        user.user_id,
        fields,
        version=user.version,
        default_role=MEMBER,
        judges=lambda before, after: None,
        at_ms=9,
    )


async def test_a_token_takes_the_place_of_the_one_before_and_ends(kept: Records) -> None:
    assert await kept.scim.token(ORG) is None
    for number in (1, 2):
        token = ScimToken(f"sct_{number}", b"%032d" % number, number, OWNER)
        await kept.scim.put_token(ORG, token)
        assert await kept.scim.token(ORG) == token
    await kept.scim.delete_token(ORG)
    await kept.scim.delete_token(ORG)
    assert await kept.scim.token(ORG) is None


async def test_a_token_ends_with_the_single_sign_on_that_it_was_made_for(kept: Records) -> None:
    settings = SsoSettings("https://i", "client", "secret", MEMBER, ("example.org",), False)
    await kept.sso.put_settings(ORG, settings)
    await kept.scim.put_token(ORG, ScimToken("sct_1", b"%032d" % 1, 1, OWNER))
    await kept.sso.delete_settings(ORG)
    assert await kept.scim.token(ORG) is None
    async with kept._database.read() as connection:
        told = await connection.execute(select(org_audit.c.action, org_audit.c.resource_id))
        assert ("scim.token.revoked", "sct_1") in {(row.action, row.resource_id) for row in told}
    await kept.sso.put_settings(ORG, settings)
    assert await kept.scim.token(ORG) is None


async def test_a_user_is_a_member_until_not_active_and_comes_back_with_the_default_role(
    kept: Records,
) -> None:
    made = await kept.scim.create_user(ORG, "usr_1", GRACE, 5)
    assert made == ScimUser("usr_1", GRACE, 5, 5)
    access = (await kept.orgs.access(US, after_seq=None)).rows
    assert {fact.user_id for fact in access} == {OWNER, "usr_1"}
    team = await kept.scim_groups.create_group(ORG, ScimGroup("team_1", "Growth", "", 6, ("usr_1",)))
    [seen], total = await kept.scim.users(ORG, ScimPage(id="usr_1"))
    assert total == 1 and [each.display for each in seen.groups] == ["Growth"]
    assert seen.version == made.version
    gone = await replaced(kept, made, replace(GRACE, active=False))
    assert gone.fields == replace(GRACE, active=False, role=NO_ROLE) and gone.groups == ()
    assert await kept.orgs.membership(ORG, "usr_1") is None
    [emptied], _ = await kept.scim_groups.groups(ORG, ScimPage(id=team.team_id))
    assert emptied.user_ids == ()
    assert {fact.user_id for fact in (await kept.orgs.access(US, after_seq=None)).rows} == {OWNER}
    back = await replaced(kept, gone, replace(GRACE, role=NO_ROLE))
    assert back.fields.role == MEMBER and back.created_at_ms == 5
    await kept.scim.delete_user(ORG, "usr_1")
    with pytest.raises(NotFound):
        await kept.scim.delete_user(ORG, "usr_1")


async def test_who_is_not_active_any_more_or_deleted_is_signed_on_no_more(kept: Records) -> None:
    made = await kept.scim.create_user(ORG, "usr_1", GRACE, 5)

    async def signs_on(name: str) -> None:
        assert await kept.sessions.begin(
            SessionRecord(name, "usr_1", 0, 5, 5, 10**15, "203.0.113.7", "curl", None, ORG)
        )

    await signs_on("ses_1")
    changed, ended = await replacing(kept, made, replace(GRACE, external_id="00u2"))
    assert ended == [] and await kept.sessions.find("ses_1") is not None
    gone, ended = await replacing(kept, changed, replace(GRACE, active=False))
    assert [row.session_end.session_id for row in ended] == ["ses_1"]
    assert await kept.sessions.find("ses_1") is None and await kept.sessions.of("usr_1", 5) == []
    _, ended = await replacing(kept, gone, GRACE)
    await signs_on("ses_2")
    assert ended == []
    assert [row.session_end.session_id for row in await kept.scim.delete_user(ORG, "usr_1")] == ["ses_2"]
    pending = [each.row.session_end.session_id for each in await kept.outbox.pending(None, 100)]
    assert {"ses_1", "ses_2"} <= set(pending)


async def test_a_name_and_an_email_are_one_persons_in_whatever_case(kept: Records) -> None:
    await kept.scim.create_user(ORG, "usr_1", GRACE, 5)
    for other in (
        replace(GRACE, user_name="GRACE@example.org", email="g@example.org"),
        replace(GRACE, user_name="g", email="Grace@Example.org"),
        replace(GRACE, user_name="g", email="ADA@example.org"),
    ):
        with pytest.raises(Conflict):
            await kept.scim.create_user(ORG, "usr_2", other, 6)
    for page in (ScimPage(name="GRACE@EXAMPLE.ORG"), ScimPage(external_id="00u1")):
        found, total = await kept.scim.users(ORG, page)
        assert total == 1 and found[0].user_id == "usr_1"
    assert (await kept.scim.users(ORG, ScimPage(external_id="00U1")))[1] == 0


async def test_a_name_is_found_in_whatever_spelling_as_it_is_by_now(kept: Records) -> None:
    """Of who was named, of who was not and has their e-mail, of who is none, and of a team."""
    made = await kept.scim.create_user(ORG, "usr_1", replace(GRACE, user_name="Straße"), 5)
    wrong = await kept.scim.create_user(
        ORG, "usr_2", ScimFields("zoe", "", "zoe@example.org", MEMBER, True), 6
    )
    kept_out = await replaced(kept, wrong, replace(wrong.fields, active=False))

    async def found(name: str) -> list[str]:
        users, total = await kept.scim.users(ORG, ScimPage(name=name))
        assert total == len(users)
        return [user.user_id for user in users]

    assert await found("STRASSE") == ["usr_1"]
    assert await found("\uff21DA@example.org") == [OWNER], "full width"
    assert await found("Zoe ") == ["usr_2"] and await found("grace@example.org") == []
    renamed = await replaced(kept, made, replace(made.fields, user_name="Élan"))
    assert await found("straße") == [] and await found("E\u0301LAN") == ["usr_1"]
    with pytest.raises(Conflict, match="userName"):
        await replaced(kept, renamed, replace(renamed.fields, user_name="ZOE"))
    owner = (await kept.scim.users(ORG, ScimPage(id=OWNER)))[0][0]
    with pytest.raises(Conflict, match="another member"):
        await replaced(kept, renamed, replace(renamed.fields, email="ADA@example.org"))
    await replaced(kept, owner, replace(owner.fields, user_name="ada", email="a@example.org"))
    assert await found("ada@example.org") == [] and await found("ADA") == [OWNER]
    # By now that e-mail is nobody's word but the account's: the directory may give it to who has it there.
    await replaced(kept, kept_out, replace(wrong.fields, email="ada@example.org"))
    group = await kept.scim_groups.create_group(ORG, ScimGroup("team_1", "Größe", "", 6))
    await kept.teams.create(ORG, Team("team_2", "Other", 7))
    assert await kept.scim_groups.groups(ORG, ScimPage(name="GRÖSSE")) == ([group], 1)
    await kept.teams.rename(ORG, "team_2", "größe")
    assert (await kept.scim_groups.groups(ORG, ScimPage(name="grösse", limit=1)))[1] == 2
    await kept.scim_groups.replace_group(ORG, replace(group, name="Width"), version=group.version)
    assert (await kept.scim_groups.groups(ORG, ScimPage(name="width")))[1] == 1
    assert (await kept.scim_groups.groups(ORG, ScimPage(name="grösse")))[1] == 1


async def test_names_of_before_are_found_after_an_upgrade(
    empty_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    earlier = tmp_path / "earlier"
    shutil.copytree(Path(engine.__file__).parent / "schema", earlier)
    for path in (earlier / "versions").glob("v*.py"):
        if path.name >= "v0021":
            path.unlink()
    with monkeypatch.context() as then:
        then.setattr(engine, "_SCHEMA", earlier)
        database = await Database.open(empty_url, region=EU)
    async with database.write() as connection:
        for statement in (
            "INSERT INTO orgs VALUES ('org_1', 'Shop', 'enterprise', 1, 7)",
            "INSERT INTO members VALUES ('org_1', 'usr_owner', 3, 'eu-west-1', 'Ada@example.org', 1), "
            "('org_1', 'usr_1', 1, '', 'g@example.org', 2)",
            "INSERT INTO scim_users VALUES ('org_1', 'usr_1', 'Straße', '', 'G@example.org', 2, 2)",
            "INSERT INTO teams VALUES ('team_1', 'org_1', 'Größe', 3, '')",
        ):
            await connection.execute(text(statement))
    await database.close()
    records = await Records.open(empty_url, region=EU)
    for name, user_id in (("STRASSE", "usr_1"), ("ADA@EXAMPLE.ORG", OWNER)):
        [user], _ = await records.scim.users(ORG, ScimPage(name=name))
        assert user.user_id == user_id
    assert (await records.scim_groups.groups(ORG, ScimPage(name="grösse")))[1] == 1
    with pytest.raises(Conflict, match="another member"):
        await records.scim.create_user(ORG, "usr_2", replace(GRACE, email="g@example.org"), 6)
    await records.close()


async def test_what_was_changed_meanwhile_is_not_overwritten(kept: Records) -> None:
    made = await kept.scim.create_user(ORG, "usr_1", GRACE, 5)
    await replaced(kept, made, replace(GRACE, external_id="00u2"))
    with pytest.raises(Conflict, match="meanwhile"):
        await replaced(kept, made, replace(GRACE, active=False))
    group = await kept.scim_groups.create_group(ORG, ScimGroup("team_1", "Growth", "", 6))
    joined = replace(group, user_ids=("usr_1",))
    assert await kept.scim_groups.replace_group(ORG, joined, version=group.version) == joined
    with pytest.raises(Conflict, match="meanwhile"):
        await kept.scim_groups.replace_group(ORG, group, version=group.version)
    with pytest.raises(InvalidInput):
        unknown = replace(group, user_ids=("usr_none",))
        await kept.scim_groups.replace_group(ORG, unknown, version=joined.version)


async def test_the_last_owner_stays_whatever_a_directory_says(kept: Records) -> None:
    [owner], _ = await kept.scim.users(ORG, EVERY)
    assert owner.own_email
    with pytest.raises(Conflict, match="Owner"):
        await replaced(kept, owner, replace(owner.fields, active=False))
    with pytest.raises(Conflict, match="Owner"):
        await kept.scim.delete_user(ORG, OWNER)
    assert await kept.orgs.membership(ORG, OWNER) is not None


async def test_only_who_never_signed_in_and_has_no_account_is_expected_by_an_email(kept: Records) -> None:
    vouched = Vouched("https://login.example.org", "sub-1", "Grace@example.org")
    await kept.scim.create_user(ORG, "usr_1", GRACE, 5)
    assert await kept.sso.expected(ORG, vouched) == "usr_1"
    assert await kept.sso.expected(ORG, replace(vouched, email="ada@example.org")) is None
    await kept.sso.claim(ORG, vouched, "usr_1")
    assert await kept.sso.identity(ORG, vouched) == "usr_1"
    assert await kept.sso.expected(ORG, replace(vouched, subject="sub-2")) is None
    with pytest.raises(Conflict):
        await kept.sso.claim(ORG, replace(vouched, subject="sub-2"), "usr_1")
    await kept.scim.delete_user(ORG, "usr_1")
    await kept.scim.create_user(ORG, "usr_2", GRACE, 6)
    await kept.sso.claim(ORG, vouched, "usr_2")
    assert await kept.sso.identity(ORG, vouched) == "usr_2"


async def test_who_was_removed_is_hidden_once_somebody_active_has_the_name(kept: Records) -> None:
    made = await kept.scim.create_user(ORG, "usr_1", GRACE, 5)
    await replaced(kept, made, replace(GRACE, active=False))
    await kept.sso.admit(ORG, Vouched("https://i", "s", "grace@example.org"), "usr_2", MEMBER)
    found, _ = await kept.scim.users(ORG, ScimPage(name="grace@example.org"))
    assert [user.user_id for user in found] == ["usr_2"]


async def test_a_condition_finds_who_is_there_and_who_was(kept: Records) -> None:
    made = await kept.scim.create_user(ORG, "usr_1", GRACE, 5)
    await kept.scim.create_user(ORG, "usr_2", replace(GRACE, user_name="b", external_id="2", active=False), 6)
    for page, expected in (
        (ScimPage(id="usr_1"), ["usr_1"]),
        (ScimPage(id="usr_2"), ["usr_2"]),
        (ScimPage(id="-"), []),
        (ScimPage(external_id="2"), ["usr_2"]),
        (ScimPage(id="usr_1", external_id="2"), []),
        (EVERY, [OWNER, "usr_1", "usr_2"]),
    ):
        found, total = await kept.scim.users(ORG, page)
        assert ([user.user_id for user in found], total) == (expected, len(expected))
    # Who has their name now hides them, whatever they are asked for by.
    await replaced(kept, made, replace(GRACE, active=False))
    await kept.sso.admit(ORG, Vouched("https://i", "s", "grace@example.org"), "usr_3", MEMBER)
    for page in (ScimPage(id="usr_1"), ScimPage(external_id="00u1")):
        assert (await kept.scim.users(ORG, page))[1] == 0
    team = await kept.scim_groups.create_group(ORG, ScimGroup("team_1", "Growth", "7", 6))
    for page in (ScimPage(id="team_1"), ScimPage(external_id="7"), ScimPage(name="GROWTH")):
        assert await kept.scim_groups.groups(ORG, page) == ([team], 1)
    for page in (ScimPage(id="team_2"), ScimPage(external_id="8"), ScimPage(id="team_1", external_id="8")):
        assert await kept.scim_groups.groups(ORG, page) == ([], 0)


async def test_a_directory_names_so_many_users_active_or_not(
    kept: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql_scim, "MOST_USERS", 2)
    made = await kept.scim.create_user(ORG, "usr_1", GRACE, 5)
    second = replace(GRACE, user_name="b", email="b@example.org", active=False)
    await kept.scim.create_user(ORG, "usr_2", second, 6)
    third = replace(second, user_name="c", email="c@example.org")
    with pytest.raises(Conflict, match="2 users at most"):
        await kept.scim.create_user(ORG, "usr_3", third, 7)
    [owner], _ = await kept.scim.users(ORG, ScimPage(id=OWNER))
    with pytest.raises(Conflict, match="2 users at most"):
        await replaced(kept, owner, replace(owner.fields, external_id="1"))
    await replaced(kept, made, replace(GRACE, external_id="00u2"))
    await kept.scim.delete_user(ORG, "usr_2")
    await kept.scim.create_user(ORG, "usr_3", third, 8)


async def test_an_organisation_has_so_many_teams_whoever_makes_them(
    kept: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql_teams, "MOST_TEAMS", 2)
    await kept.scim_groups.create_group(ORG, ScimGroup("team_1", "Growth", "", 6))
    await kept.teams.create(ORG, Team("team_2", "Data", 7, [], {}))
    with pytest.raises(Conflict, match="2 teams at most"):
        await kept.scim_groups.create_group(ORG, ScimGroup("team_3", "Third", "", 8))
    with pytest.raises(Conflict, match="2 teams at most"):
        await kept.teams.create(ORG, Team("team_3", "Third", 8, [], {}))
    await kept.scim_groups.delete_group(ORG, "team_1")
    await kept.teams.create(ORG, Team("team_3", "Third", 9, [], {}))

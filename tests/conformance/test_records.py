"""The records of a cell: one suite, SQLite and a real PostgreSQL."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import stat
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from mesh.allowlists import AllowLists
from mesh.errors import Conflict, CrossingRefused, NotFound
from mesh.tokens import TokenKey
from sankofa.org.v1.org_pb2 import OrgRole, ProjectRole
from sankofa.registry.v1.registry_pb2 import Pin, Row
from sankofa.residency.v1.environment_pb2 import Environment
from sankofa.residency.v1.error_pb2 import ErrorReason
from storage.records import engine
from storage.records.engine import Database
from storage.records.orgs import Account, OrgProject, OrgRecord, ProjectRetention
from storage.records.projects import KeyRecord, ProjectRecord, Retention
from storage.records.records import Records
from storage.records.tables import metadata
from tests.support.roles import put_member, put_project_role

pytestmark = [pytest.mark.disk, pytest.mark.network]

EU, US = "eu-west-1", "us-east-1"


def project(name: str = "proj_1", region: str = EU) -> ProjectRecord:
    return ProjectRecord(name, "org_1", "Shop", region, "active", 1)


def key(name: str, project_id: str = "proj_1") -> KeyRecord:
    digest = hashlib.sha256(name.encode()).digest()
    return KeyRecord(name, project_id, Environment.ENVIRONMENT_LIVE, digest, 1, None)


def account(name: str = "ada") -> Account:
    return Account(f"usr_{name}", f"{name}@example.org", f"{name}@example.org", "hash", 1)


def org(name: str = "1") -> OrgRecord:
    return OrgRecord(f"org_{name}", "Org", "hobby", 1, 1)


def org_project(name: str = "proj_1", region: str = US) -> OrgProject:
    return OrgProject(name, "org_1", "Shop", region, "pending", 1_000, 1, "usr_ada")


async def published(records: Records) -> list[Row]:
    return [pending.row for pending in await records.outbox.pending(None, 100)]


async def test_records_open_for_the_region_of_their_first_open_only(records: Records, url: str) -> None:
    await (await Records.open(url, region=EU)).close()
    with pytest.raises(CrossingRefused) as refused:
        await Records.open(url, region=US)
    assert refused.value.reason == ErrorReason.ERROR_REASON_WRONG_REGION


async def test_two_cells_may_open_new_records_at_once(url: str, tmp_path: Path) -> None:
    opened = await asyncio.gather(
        Records.open(url, region=EU),
        Records.open(f"sqlite+aiosqlite:///{tmp_path}/us.db", region=US),
    )
    for each in opened:
        await each.close()


async def test_the_schema_is_what_the_tables_say(records: Records, url: str) -> None:
    database = await Database.open(url, region=EU)
    async with database.read() as connection:
        differences = await connection.run_sync(
            lambda sync: compare_metadata(MigrationContext.configure(sync), metadata)
        )
    await database.close()
    assert differences == []


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_a_file_of_records_is_for_its_owner_only(tmp_path: Path) -> None:
    records = await Records.open(f"sqlite+aiosqlite:///{tmp_path}/records.db", region=EU)
    await records.keys.begin(TokenKey.generate(), timedelta(minutes=15))
    modes = [mode(tmp_path / f"records.db{suffix}") for suffix in ("", "-wal", "-shm")]
    await records.close()
    assert modes == [0o600] * 3


async def test_a_project_of_another_region_is_refused_by_the_store_and_by_the_database(
    records: Records, url: str
) -> None:
    with pytest.raises(CrossingRefused):
        await records.projects.provision(project(region=US), [key("a")])
    with pytest.raises(CrossingRefused):
        await records.outbox.add([Row(region=US, pin=Pin(project_id="p", org_id="o"))])
    database = await Database.open(url, region=EU)
    columns = "project_id, org_id, name, region, state, created_at"
    insert = f"INSERT INTO projects ({columns}) VALUES ('p', 'o', 'n', 'us-east-1', 'active', 1)"
    await refused(database, insert)
    await refused(database, "INSERT INTO store VALUES (2, 'us-east-1')")
    await database.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE projects SET region = 'us-east-1'",
        "UPDATE org_projects SET region = 'eu-west-1'",
        "UPDATE store SET region = 'us-east-1'",
        "UPDATE api_keys SET revoked_at = NULL",
        "UPDATE api_keys SET environment = 2",
    ],
)
async def test_what_is_written_once_can_not_be_updated_even_in_sql(
    records: Records, url: str, statement: str
) -> None:
    await records.projects.provision(project(), [key("a")])
    await records.projects.revoke_key("proj_1", "a", 5)
    await records.orgs.sign_up(account(), org(), "hint")
    await records.orgs.add_pending(org_project("proj_2"))
    database = await Database.open(url, region=EU)
    await refused(database, statement)
    await database.close()


async def refused(database: Database, statement: str) -> None:
    with pytest.raises(DBAPIError):
        async with database._engine.begin() as connection:
            await connection.execute(text(statement))


async def test_a_project_its_keys_and_its_registry_rows_are_one_write(records: Records) -> None:
    stored = await records.projects.provision(project(), [key("a"), key("b")])
    assert [each.key_id for each in stored.keys] == ["a", "b"]
    assert [row.WhichOneof("fact") for row in await published(records)] == ["pin", "api_key", "api_key"]
    with pytest.raises(Exception):  # noqa: B017 - the clash of two keys, whatever the driver calls it
        await records.projects.provision(project("proj_2"), [key("c", "proj_2"), key("a", "proj_2")])
    assert await records.projects.project("proj_2") is None
    assert len(await published(records)) == 3


async def test_a_repeated_provision_replaces_the_keys_of_the_first(records: Records) -> None:
    await records.projects.provision(project(), [key("a")])
    again = await records.projects.provision(replace(project(), created_at_ms=9), [key("b")])
    assert again.project.created_at_ms == 1
    assert {each.key_id: each.revoked_at_ms is None for each in again.keys} == {"a": False, "b": True}
    with pytest.raises(Conflict):
        await records.projects.provision(replace(project(), org_id="org_2"), [key("c")])


async def test_a_revocation_repeats_harmlessly_and_replaces_the_keys_row(records: Records) -> None:
    await records.projects.provision(project(), [key("a")])
    first = await records.projects.revoke_key("proj_1", "a", 5)
    assert (await records.projects.revoke_key("proj_1", "a", 9)) == first
    rows = [row.api_key for row in await published(records) if row.WhichOneof("fact") == "api_key"]
    assert [row.revoked for row in rows] == [True]
    with pytest.raises(NotFound):
        await records.projects.revoke_key("proj_2", "a", 5)


async def test_an_archived_project_has_no_live_key_and_gets_none(records: Records) -> None:
    await records.projects.provision(project(), [key("a"), key("b")])
    stored = await records.projects.archive("proj_1", 5)
    assert stored.project.state == "archived" and all(each.revoked_at_ms == 5 for each in stored.keys)
    for refused_write in (
        records.projects.add_key(key("c")),
        records.projects.provision(project(), [key("c")]),
    ):
        with pytest.raises(Conflict) as caught:
            await refused_write
        assert caught.value.reason == ErrorReason.ERROR_REASON_PROJECT_ARCHIVED
    assert [each.project.state for each in await records.projects.all()] == ["archived"]


async def test_a_projects_allow_lists_are_set_one_by_one_and_known_with_it(records: Records) -> None:
    await records.projects.provision(project(), [key("key_1")])
    domains, networks = ("shop.example.com",), ("192.0.2.0/24", "2001:db8::1")
    await records.projects.set_allow_lists("proj_1", domains=domains, networks=None)
    changed = await records.projects.set_allow_lists("proj_1", domains=None, networks=networks)
    assert changed.project.allow_lists == AllowLists(domains, networks)
    assert [each.key_id for each in changed.keys] == ["key_1"]
    assert await records.projects.all() == [changed]
    emptied = await records.projects.set_allow_lists("proj_1", domains=(), networks=None)
    assert emptied.project.allow_lists == AllowLists((), networks)
    with pytest.raises(NotFound):
        await records.projects.set_allow_lists("proj_none", domains=(), networks=())


async def test_the_outbox_gives_every_row_again_to_a_new_feed_and_to_no_other(records: Records) -> None:
    await records.projects.provision(project(), [key("a")])
    rows = await records.outbox.pending(None, 100)
    await records.outbox.settle([row.id for row in rows], "feed-1")
    assert await records.outbox.pending("feed-1", 100) == []
    assert await records.outbox.pending("feed-2", 100) == rows
    await records.outbox.add([rows[0].row])
    assert await records.outbox.pending("feed-1", 100) == []


async def test_settling_a_row_that_has_changed_meanwhile_settles_nothing(records: Records) -> None:
    await records.projects.provision(project(), [key("a")])
    being_sent = await records.outbox.pending(None, 100)
    await records.projects.revoke_key("proj_1", "a", 5)
    await records.outbox.settle([row.id for row in being_sent], "feed-1")
    (revocation,) = await records.outbox.pending("feed-1", 100)
    assert revocation.row.api_key.revoked


async def test_an_email_is_one_account_and_a_refused_sign_up_leaves_nothing(records: Records) -> None:
    await records.orgs.sign_up(account(), org(), "hint")
    with pytest.raises(Conflict) as caught:
        await records.orgs.sign_up(replace(account(), user_id="usr_other"), org("2"), "hint")
    assert caught.value.reason == ErrorReason.ERROR_REASON_EMAIL_TAKEN
    assert [each.org_id for each in await records.orgs.orgs()] == ["org_1"]
    assert await records.orgs.account("ada@example.org") == account()
    (member,) = await records.orgs.memberships("usr_ada")
    assert (member.role, member.home_region) == (OrgRole.ORG_ROLE_OWNER, EU)


async def test_access_rows_appear_with_the_project_and_follow_every_change_of_a_role(
    records: Records,
) -> None:
    orgs = records.orgs
    await orgs.sign_up(account(), org(), "hint")
    await put_member(orgs, "org_1", "usr_bob", OrgRole.ORG_ROLE_MEMBER, US)
    await orgs.add_pending(org_project())
    permitted = await orgs.access(US, after_seq=None)
    assert [(row.user_id, row.epoch) for row in permitted.rows] == [("usr_ada", 0)], "by its ticket"
    assert await orgs.complete("org_1", "proj_1") and await orgs.complete("org_1", "proj_1")
    full = await orgs.access(US, after_seq=None)
    assert [(row.user_id, row.role) for row in full.rows] == [("usr_ada", ProjectRole.PROJECT_ROLE_ADMIN)]
    assert (await orgs.access(EU, after_seq=None)).rows == []

    await put_project_role(orgs, "proj_1", "usr_bob", ProjectRole.PROJECT_ROLE_VIEWER)
    given = await orgs.access(US, after_seq=full.seq)
    assert [(row.user_id, row.role, row.home_region) for row in given.rows] == [("usr_bob", 1, US)]
    assert [each.project_id for each in await orgs.projects("org_1", visible_to="usr_bob")] == ["proj_1"]

    await put_member(orgs, "org_1", "usr_bob", OrgRole.ORG_ROLE_UNSPECIFIED, US)
    taken = await orgs.access(US, after_seq=given.seq)
    assert [(row.user_id, row.role) for row in taken.rows] == [("usr_bob", 0)]
    assert taken.rows[0].epoch > given.rows[0].epoch
    assert await orgs.projects("org_1", visible_to="usr_bob") == []
    assert len((await orgs.access(US, after_seq=None)).rows) == 1


async def test_retention_is_told_with_the_project_and_after_every_change_of_it_or_of_the_plan(
    records: Records,
) -> None:
    orgs = records.orgs
    await orgs.sign_up(account(), org(), "hint")
    for name in ("proj_1", "proj_2"):
        await orgs.add_pending(org_project(name))
    assert not await orgs.set_retention("org_1", "proj_1", 7), "it does not exist yet"
    await orgs.complete("org_1", "proj_1")
    full = await orgs.access(US, after_seq=None)
    assert full.retention == [ProjectRetention("proj_1", "org_1", "hobby", None)]
    assert (await orgs.access(US, after_seq=full.seq)).retention == []

    assert await orgs.set_retention("org_1", "proj_1", 7)
    assert not await orgs.set_retention("org_2", "proj_1", 9), "it is another organisation's"
    changed = await orgs.access(US, after_seq=full.seq)
    assert changed.retention == [ProjectRetention("proj_1", "org_1", "hobby", 7)]
    assert changed.rows == [] and (await orgs.access(EU, after_seq=None)).retention == []

    assert await orgs.set_plan("org_1", "growth")
    await orgs.complete("org_1", "proj_2")
    told = await orgs.access(US, after_seq=changed.seq)
    expected = [("proj_1", "growth", 7), ("proj_2", "growth", None)]
    assert sorted((each.project_id, each.plan, each.wanted_days) for each in told.retention) == expected
    assert await orgs.set_retention("org_1", "proj_1", None)
    (listed, _) = await orgs.projects("org_1", visible_to=None)
    assert listed.retention_days is None


async def test_plans_and_creations_that_change_at_once_do_not_wait_for_each_other_for_ever(
    records: Records,
) -> None:
    orgs = records.orgs
    await orgs.sign_up(account(), org(), "hint")
    names = [f"proj_{number}" for number in range(10)]
    for name in names:
        await orgs.add_pending(org_project(name))
    await orgs.complete("org_1", names[0])
    done = await asyncio.gather(
        *(orgs.complete("org_1", name) for name in names),
        *(orgs.set_plan("org_1", plan) for plan in ("pro", "growth", "enterprise")),
        *(orgs.set_retention("org_1", names[0], days) for days in (1, 2, 3)),
        *(put_member(orgs, "org_1", f"usr_{name}", OrgRole.ORG_ROLE_ADMIN, EU) for name in names),
    )
    assert False not in done
    assert len((await orgs.access(US, after_seq=None)).retention) == len(names)


async def test_the_first_word_on_retention_is_no_change_for_what_an_older_version_stored(
    empty_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    await _of_the_first_version(empty_url, monkeypatch, tmp_path)
    records = await Records.open(empty_url, region=EU)
    found = await records.projects.project("proj_old")
    assert found is not None and found.retention_days == 0
    await records.projects.provision(replace(project("proj_new"), retention_days=30), [key("a", "proj_new")])
    assert await records.projects.retention() == {"proj_new": Retention(30, spares_older=False)}
    await records.projects.set_retention({"proj_old": 30, "proj_new": 90, "proj_none": 1})
    await records.projects.set_retention({"proj_old": 30})
    spared = {"proj_old": Retention(30, spares_older=True), "proj_new": Retention(90, spares_older=False)}
    assert await records.projects.retention() == spared
    await records.projects.set_retention({"proj_old": 60})
    assert (await records.projects.retention())["proj_old"] == Retention(60, spares_older=False)
    assert (await records.orgs.access(US, after_seq=None)).retention == [
        ProjectRetention("proj_there", "org_1", "pro", None)
    ]
    await records.close()


async def _of_the_first_version(url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Records as the first version left them: one project here, one of an organisation of here elsewhere."""
    first = tmp_path / "first"
    shutil.copytree(Path(engine.__file__).parent / "schema", first)
    for path in (first / "versions").glob("v*.py"):
        if path.name != "v0001_first.py":
            path.unlink()
    with monkeypatch.context() as then:
        then.setattr(engine, "_SCHEMA", first)
        database = await Database.open(url, region=EU)
    async with database.write() as connection:
        for statement in (
            "INSERT INTO projects VALUES ('proj_old', 'org_1', 'Shop', 'eu-west-1', 'active', 1)",
            "INSERT INTO orgs VALUES ('org_1', 'Org', 'pro', 1, 1)",
            "INSERT INTO org_projects VALUES "
            "('proj_there', 'org_1', 'Shop', 'us-east-1', 'active', 1, 1, 'usr_ada')",
        ):
            await connection.execute(text(statement))
    await database.close()


async def test_a_pending_project_is_shown_to_nobody_and_can_be_dropped(records: Records) -> None:
    await records.orgs.sign_up(account(), org(), "hint")
    await records.orgs.add_pending(org_project())
    assert await records.orgs.projects("org_1", visible_to=None) == []
    assert await records.orgs.overdue(1_000) == []
    assert await records.orgs.overdue(1_001) == [org_project()]
    await records.orgs.drop_pending("org_1", "proj_1")
    assert not await records.orgs.complete("org_1", "proj_1")

"""A change and the row that tells of it: one transaction, one chain, whoever comes at the same time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import select, update

from mesh.context import Actor, Origin
from storage.records.audit.chain import GENESIS, AuditRow
from storage.records.change import org_change, project_change
from storage.records.engine import Database
from storage.records.orgs import Account, OrgRecord
from storage.records.projects import ProjectRecord
from storage.records.records import Records
from storage.records.tables import org_audit, org_audit_heads, orgs, project_audit
from tests.support.nodes import EU

pytestmark = [pytest.mark.disk, pytest.mark.network]

ADA = Actor("usr_ada", "ada@example.org", Origin("req_1", "192.0.2.7", "curl/8"))


@pytest.fixture
async def database(url: str, records: Records) -> AsyncIterator[Database]:
    """With one organisation, whose chain has its first row."""
    account = Account("usr_ada", "ada@example.org", "ada@example.org", "hash", 1)
    await records.orgs.sign_up(account, OrgRecord("org_1", "Shop", "hobby", 1, 1), "hint")
    opened = await Database.open(url, region=EU)
    yield opened
    await opened.close()


async def chain(database: Database) -> list[AuditRow]:
    async with database.read() as connection:
        found = await connection.execute(select(org_audit).order_by(org_audit.c.seq))
        return [AuditRow(*row) for row in found]


async def rename(database: Database, name: str) -> None:
    async with org_change(database, "org_1", ADA) as change:
        await change.connection.execute(update(orgs).values(name=name))
        change.note("org.renamed", "org", "org_1", after={"name": name})


async def test_a_row_tells_who_did_what_from_where(database: Database) -> None:
    await rename(database, "Grüße")
    first, second = await chain(database)
    assert (first.action, first.actor_id, first.actor_email) == ("org.created", "usr_ada", "ada@example.org")
    assert (second.seq, second.action, json.loads(second.after)) == (2, "org.renamed", {"name": "Grüße"})
    assert json.loads(second.metadata) == {
        "request_id": "req_1",
        "address": "192.0.2.7",
        "user_agent": "curl/8",
    }
    assert second.at_ms >= first.at_ms > 0


async def test_each_hash_covers_the_one_before(database: Database) -> None:
    for name in ("a", "b", "c"):
        await rename(database, name)
    last = GENESIS
    for row in await chain(database):
        last = row.hashed_after(last)
        assert row.hash == last
    async with database.read() as connection:
        head = (await connection.execute(select(org_audit_heads))).one()
    assert (head.seq, bytes(head.hash)) == (4, last)


async def test_what_fails_leaves_neither_a_change_nor_a_row(database: Database) -> None:
    with pytest.raises(RuntimeError):
        async with org_change(database, "org_1", ADA) as change:
            await change.connection.execute(update(orgs).values(name="half"))
            change.note("org.renamed", "org", "org_1")
            raise RuntimeError
    with pytest.raises(ValueError, match="audit row"):
        async with org_change(database, "org_1", ADA) as change:
            await change.connection.execute(update(orgs).values(name="untold"))
    async with database.read() as connection:
        assert await connection.scalar(select(orgs.c.name)) == "Shop"
    assert len(await chain(database)) == 1


async def test_changes_at_the_same_time_follow_each_other(database: Database) -> None:
    await asyncio.gather(*(rename(database, f"name {number}") for number in range(20)))
    rows = await chain(database)
    assert [row.seq for row in rows] == list(range(1, 22))
    last = GENESIS
    for row in rows:
        last = row.hashed_after(last)
        assert row.hash == last


async def test_a_projects_rows_hold_no_email(database: Database, records: Records) -> None:
    await records.projects.provision(ProjectRecord("proj_1", "org_1", "Shop", EU, "active", 1), [])
    async with project_change(database, "proj_1", ADA) as change:
        change.note("project.tested", "project", "proj_1")
    async with database.read() as connection:
        found = (await connection.execute(select(project_audit).order_by(project_audit.c.seq))).all()
    assert [(row.action, row.actor_id, row.actor_email) for row in found] == [
        ("project.provisioned", "usr_ada", ""),
        ("project.tested", "usr_ada", ""),
    ]

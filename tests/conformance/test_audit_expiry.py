"""Old rows of the audit logs go by their plan's time, and what is left still proves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

import pytest
from sqlalchemy import delete, select, update

from mesh.context import Actor, act_as
from mesh.ids import new_id
from services.org.audit.expiring import Expirer
from storage.records.audit import expiry
from storage.records.audit.chain import AuditRow
from storage.records.audit.proof import Kind, Proof, prove
from storage.records.audit.reading import Filter, Head, Log
from storage.records.change import org_change, project_change
from storage.records.engine import Database
from storage.records.orgs import Account, OrgRecord
from storage.records.projects import Granted, ProjectRecord
from storage.records.records import Records
from storage.records.tables import org_audit, org_audit_heads
from tests.support.nodes import EU

pytestmark = [pytest.mark.disk, pytest.mark.network]

DAY_MS = 86_400_000
ADA = Actor("usr_ada", "ada@example.org")
BOTH = ((Log.ORG, "org_1"), (Log.PROJECT, "proj_1"))


@pytest.fixture
async def database(url: str, records: Records) -> AsyncIterator[Database]:
    """An organisation on Hobby (90 days) and a project, with some rows each."""
    act_as("usr_ada")
    account = Account("usr_ada", "ada@example.org", "ada@example.org", "hash", 1)
    await records.orgs.sign_up(account, OrgRecord("org_1", "Shop", "hobby", 1, 1), "hint")
    await records.projects.provision(ProjectRecord("proj_1", "org_1", "Shop", EU, "active", 1, 30), [])
    opened = await Database.open(url, region=EU)
    for _ in range(7):
        async with org_change(opened, "org_1", ADA) as change:
            change.note("team.created", "team", new_id("team"))
        async with project_change(opened, "proj_1", ADA) as change:
            change.note("project.renamed", "project", "proj_1")
    yield opened
    await opened.close()


async def rows_of(records: Records, log: Log, scope: str) -> list[AuditRow]:
    return list(reversed(await records.audit.page(log, scope, Filter(), 1000)))


async def proven(records: Records, log: Log, scope: str) -> Proof:
    async def head() -> Head:
        found = await records.audit.head(log, scope)
        assert found is not None
        return found

    return await prove(head, partial(records.audit.rows, log, scope))


async def look(records: Records, *, days: float) -> int:
    """What goes in a look so many days after the oldest row was written."""
    oldest = (await rows_of(records, Log.ORG, "org_1"))[0].at_ms
    now_ms = oldest + int(days * DAY_MS)
    return await Expirer(records=records.audit_expiry, every_s=1, clock_ms=lambda: now_ms).once()


@pytest.mark.parametrize(("log", "scope"), BOTH, ids=["org", "project"])
async def test_rows_before_a_time_go_and_the_rest_proves(
    database: Database, records: Records, log: Log, scope: str
) -> None:
    before = await rows_of(records, log, scope)
    limit = before[-1].at_ms
    stays = [row for row in before if row.at_ms >= limit]
    assert len(stays) < len(before)
    assert await records.audit_expiry.expire(log, scope, limit) == len(before) - len(stays)
    *kept, told = await rows_of(records, log, scope)
    assert kept == stays
    last = before[len(before) - len(stays) - 1]
    assert (told.action, told.actor_id) == ("audit.expired", "system/audit-retention")
    assert told.after == f'{{"hash":"{last.hash.hex()}","through":{last.seq}}}'
    assert (await proven(records, log, scope)).defects == []
    assert await records.audit_expiry.expire(log, scope, limit) == 0


async def test_rows_go_in_steps_until_none_is_past_its_time(
    database: Database, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expiry, "ROWS_A_STEP", 3)
    before = await rows_of(records, Log.ORG, "org_1")
    # The rows that tell of the steps are newer than this.
    assert await records.audit_expiry.expire(Log.ORG, "org_1", before[-1].at_ms + 1) == len(before)
    assert {row.action for row in await rows_of(records, Log.ORG, "org_1")} == {"audit.expired"}
    assert (await proven(records, Log.ORG, "org_1")).defects == []


async def test_the_plan_says_when_and_a_project_that_was_not_told_of_keeps_its_rows(
    database: Database, records: Records
) -> None:
    count = len(await rows_of(records, Log.ORG, "org_1"))
    assert await look(records, days=89) == 0
    assert await look(records, days=91) == count
    assert (await proven(records, Log.ORG, "org_1")).defects == []
    project = await rows_of(records, Log.PROJECT, "proj_1")
    assert len(project) == 8
    await records.projects.set_granted({"proj_1": Granted(365, "pro")})
    assert await look(records, days=364) == 1  # of the organisation: the row that told of the first time
    assert await look(records, days=366) == 1 + len(project)
    assert (await proven(records, Log.PROJECT, "proj_1")).defects == []


async def test_a_beginning_that_was_cut_off_is_found_although_the_head_agrees(
    database: Database, records: Records
) -> None:
    async with database.write() as connection:
        hashed = await connection.scalar(select(org_audit.c.hash).where(org_audit.c.seq == 3))
        await connection.execute(delete(org_audit).where(org_audit.c.seq <= 3))
        await connection.execute(update(org_audit_heads).values(first_seq=3, first_hash=hashed))
    (found,) = (await proven(records, Log.ORG, "org_1")).defects
    assert (found.kind, found.seq, found.last) == (Kind.BEGINNING, 1, 3)


async def test_a_chain_whose_beginning_is_missing_is_left_as_it_is(
    database: Database, records: Records
) -> None:
    async with database.write() as connection:
        await connection.execute(delete(org_audit).where(org_audit.c.seq <= 6))
    assert await look(records, days=91) == 0
    (found,) = (await proven(records, Log.ORG, "org_1")).defects
    assert (found.kind, found.seq, found.last) == (Kind.MISSING, 1, 6)

"""The audit logs as they are read, and what the proof of a chain finds after somebody was at the database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update

from mesh.context import Actor, Origin
from storage.records.audit.chain import AuditRow
from storage.records.audit.proof import Defect, Kind, Proof, prove
from storage.records.audit.reading import Filter, Head, Log, SqlAuditRecords
from storage.records.change import org_change
from storage.records.engine import Database
from storage.records.orgs import Account, OrgRecord
from storage.records.records import Records
from storage.records.tables import org_audit, org_audit_heads
from tests.support.nodes import EU

pytestmark = [pytest.mark.disk, pytest.mark.network]

ADA = Actor("usr_ada", "ada@example.org", Origin("req_1"))
BOB = Actor("usr_bob", "bob@example.org")
ROWS = 8


@pytest.fixture
async def database(url: str, records: Records) -> AsyncIterator[Database]:
    """An organisation with eight rows: its creation, and seven of two people."""
    account = Account("usr_ada", "ada@example.org", "ada@example.org", "hash", 1)
    await records.orgs.sign_up(account, OrgRecord("org_1", "Shop", "hobby", 1, 1), "hint")
    opened = await Database.open(url, region=EU)
    for number in range(2, ROWS + 1):
        async with org_change(opened, "org_1", BOB if number % 2 else ADA) as change:
            action, kind = ("team.created", "team") if number % 3 else ("member.invited", "member")
            change.note(action, kind, f"{kind}_{number}", after={"number": number})
    yield opened
    await opened.close()


@pytest.fixture
def audit(database: Database) -> SqlAuditRecords:
    return SqlAuditRecords(database)


async def seqs(audit: SqlAuditRecords, limit: int = 100, **which: Any) -> list[int]:
    return [row.seq for row in await audit.page(Log.ORG, "org_1", Filter(**which), limit)]


async def test_pages_are_newest_first_and_filters_hold_together(audit: SqlAuditRecords) -> None:
    assert await seqs(audit) == [8, 7, 6, 5, 4, 3, 2, 1]
    assert await seqs(audit, limit=3, before_seq=7) == [6, 5, 4]
    assert await seqs(audit, actor_id="usr_bob") == [7, 5, 3]
    assert await seqs(audit, action="member.invited", resource_type="member") == [6, 3]
    assert await seqs(audit, action="member.invited", actor_id="usr_bob") == [3]
    (fifth,) = await audit.page(Log.ORG, "org_1", Filter(before_seq=6), 1)
    assert await seqs(audit, since_ms=fifth.at_ms + 86_400_000) == []
    assert await seqs(audit, until_ms=1) == []
    assert await audit.page(Log.ORG, "org_2", Filter(), 10) == []
    assert await audit.one(Log.ORG, "org_1", fifth.audit_id) == fifth
    assert await audit.one(Log.ORG, "org_2", fifth.audit_id) is None


async def test_reading_is_a_row_of_its_own(audit: SqlAuditRecords) -> None:
    await audit.was_read(Log.ORG, "org_1", {"action": "member.invited"})
    (newest,) = await audit.page(Log.ORG, "org_1", Filter(), 1)
    assert (newest.action, newest.after) == ("audit.read", '{"action":"member.invited"}')


async def test_emails_are_known_of_accounts_here_and_of_who_has_acted(audit: SqlAuditRecords) -> None:
    found = await audit.emails("org_1", ["usr_ada", "usr_bob", "usr_none"])
    assert found == {"usr_ada": "ada@example.org", "usr_bob": "bob@example.org"}


async def proven(audit: SqlAuditRecords, ends: dict[int, bytes] | None = None) -> Proof:
    async def head() -> Head:
        found = await audit.head(Log.ORG, "org_1")
        assert found is not None
        return found

    return await prove(head, partial(audit.rows, Log.ORG, "org_1"), ends)


async def defects(audit: SqlAuditRecords) -> list[tuple[Kind, int, int]]:
    return [(one.kind, one.seq, one.last) for one in (await proven(audit)).defects]


async def alter(database: Database, *statements: Any) -> None:
    """As somebody would who has the database and not the code."""
    async with database.write() as connection:
        for statement in statements:
            await connection.execute(statement)


def at(seq: int) -> Any:
    return org_audit.c.seq == seq


async def test_a_chain_that_nobody_was_at_holds(audit: SqlAuditRecords) -> None:
    proof = await proven(audit)
    assert (proof.rows, proof.head.seq, proof.defects) == (ROWS, ROWS, [])


@pytest.mark.parametrize(
    "change",
    [
        {"after": '{"number":99}'},
        {"actor_id": "usr_eve"},
        {"at": 1},
        {"action": "team.deleted"},
        {"hash": bytes(32)},
    ],
    ids=lambda change: next(iter(change)),
)
async def test_a_changed_row_is_found_and_named(
    database: Database, audit: SqlAuditRecords, change: dict[str, Any]
) -> None:
    (row,) = await audit.page(Log.ORG, "org_1", Filter(before_seq=5), 1)
    await alter(database, update(org_audit).where(at(4)).values(change))
    found = (await proven(audit)).defects
    assert found[0] == Defect(Kind.CHANGED, 4, 4, row.audit_id)
    # A hash that was changed breaks with the row after it too; anything else is one defect.
    assert [one.seq for one in found] == ([4, 5] if "hash" in change else [4])


async def test_missing_rows_are_found_and_counted(database: Database, audit: SqlAuditRecords) -> None:
    await alter(database, delete(org_audit).where(org_audit.c.seq.in_((3, 4))))
    assert await defects(audit) == [(Kind.MISSING, 3, 4)]


async def test_the_first_and_the_last_rows_can_not_be_cut_off(
    database: Database, audit: SqlAuditRecords
) -> None:
    await alter(database, delete(org_audit).where(org_audit.c.seq.in_((1, 7, 8))))
    assert await defects(audit) == [(Kind.MISSING, 1, 1), (Kind.MISSING, 7, 8)]


async def test_rows_in_another_order_are_found(database: Database, audit: SqlAuditRecords) -> None:
    swap = [update(org_audit).where(at(old)).values(seq=new) for old, new in ((3, 99), (4, 3), (99, 4))]
    await alter(database, *swap)
    assert {(kind, seq) for kind, seq, _ in await defects(audit)} >= {(Kind.CHANGED, 3), (Kind.CHANGED, 4)}


async def test_a_head_that_was_changed_is_found(database: Database, audit: SqlAuditRecords) -> None:
    await alter(database, update(org_audit_heads).values(hash=bytes(32)))
    assert await defects(audit) == [(Kind.HEAD, 8, 8)]


async def test_a_row_beyond_the_end_is_found(database: Database, audit: SqlAuditRecords) -> None:
    async with database.read() as connection:
        last = (await connection.execute(select(org_audit).where(at(8)))).one()._asdict()
    await alter(database, insert(org_audit).values(last | {"seq": 9, "audit_id": "aud_forged"}))
    assert await defects(audit) == [(Kind.BEYOND, 9, 9)]


async def test_a_chain_that_was_written_anew_is_found_by_an_end_that_was_kept(
    database: Database, audit: SqlAuditRecords
) -> None:
    kept = (await proven(audit)).head
    rows = [row async for row in audit.rows(Log.ORG, "org_1")]
    last = rows[3].hash
    for row in rows[4:]:
        forged = AuditRow(**{name: getattr(row, name) for name in AuditRow.__slots__} | {"after": '"forged"'})
        last = forged.hashed_after(last)
        await alter(database, update(org_audit).where(at(row.seq)).values(after='"forged"', hash=last))
    await alter(database, update(org_audit_heads).values(hash=last))
    assert (await proven(audit)).defects == []
    (found,) = (await proven(audit, {kept.seq: kept.hash})).defects
    assert (found.kind, found.seq) == (Kind.REWRITTEN, 8)
    (cut,) = (await proven(audit, {12: kept.hash})).defects
    assert (cut.kind, cut.seq, cut.last) == (Kind.MISSING, 9, 12)

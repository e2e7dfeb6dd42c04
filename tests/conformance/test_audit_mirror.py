"""The mirror of the audit logs: a copy of the records, row for row, and nothing that they do not have."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, update

from mesh.errors import NotFound, Unavailable
from services.ingest.mirror.comparing import Comparer, Kind
from services.ingest.mirror.copying import AuditMirror
from services.ingest.mirror.counting import Counter
from storage.analytics.audit_mirror import EVERYTHING, KEPT, AuditMirrorStore
from storage.analytics.engine import Engine
from storage.records.audit.reading import Log
from storage.records.engine import Database
from storage.records.records import Records
from storage.records.tables import (
    audit_mirrors,
    org_audit,
    org_audit_heads,
    project_audit,
    project_audit_heads,
)
from tests.support.audit_chains import ADA, chain_of, erase_org, more_org_rows, new_org, new_project
from tests.support.cells import until
from tests.support.nodes import EU

pytestmark = [pytest.mark.disk, pytest.mark.network]

DAY_MS = 86_400_000


@pytest.fixture
async def database(url: str, records: Records) -> AsyncIterator[Database]:
    opened = await Database.open(url, region=EU)
    yield opened
    await opened.close()


@pytest.fixture
def store(engine: Engine) -> Iterator[AuditMirrorStore]:
    opened = AuditMirrorStore(engine=engine)
    yield opened
    opened.close()


@pytest.fixture
def mirror(records: Records, store: AuditMirrorStore) -> AuditMirror:
    return new_mirror(records, store)


def new_mirror(records: Records, store: AuditMirrorStore, **options: Any) -> AuditMirror:
    return AuditMirror(records=records.audit_mirror, store=store, every_s=1, count_every_s=3600, **options)


@pytest.fixture
def comparer(records: Records, store: AuditMirrorStore) -> Comparer:
    return Comparer(audit=records.audit, records=records.audit_mirror, store=store)


async def physical(engine: Engine, scope: str) -> int:
    """Rows in parts, what FINAL would hide included."""
    ((count,),) = await engine.query("SELECT count() FROM audit_rows WHERE scope = {s:String}", {"s": scope})
    return int(count)


async def test_it_has_each_row_of_both_logs_as_it_was_written_once(
    engine: Engine, records: Records, database: Database, store: AuditMirrorStore, mirror: AuditMirror
) -> None:
    org_id, project_id = await new_org(records, database, 5), await new_project(records, database, 4)
    await mirror.once()
    await mirror.once()
    await more_org_rows(database, org_id, 3)
    await mirror.once()
    for scope, rows in ((org_id, 8), (project_id, 4)):
        chain = await chain_of(records, scope)
        assert await store.rows(scope, 0, 0, 100) == chain
        assert await physical(engine, scope) == rows
    assert mirror.gauges()["audit_mirror_rows_behind"] == 0


async def test_a_long_log_is_copied_in_several_inserts_and_other_logs_with_it(
    records: Records,
    database: Database,
    store: AuditMirrorStore,
    mirror: AuditMirror,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("services.ingest.mirror.copying.ROWS_AN_INSERT", 4)
    scopes = [await new_org(records, database, 11), await new_org(records, database, 2)]
    inserts = 0
    insert = store.insert

    async def counted(rows: Any) -> None:
        nonlocal inserts
        inserts += 1
        await insert(rows)

    monkeypatch.setattr(store, "insert", counted)
    await mirror.once()
    assert inserts == 4
    for scope in scopes:
        assert await store.rows(scope, 0, 0, 100) == await chain_of(records, scope)


async def test_what_it_has_lost_is_copied_anew(
    records: Records, database: Database, store: AuditMirrorStore, mirror: AuditMirror
) -> None:
    org_id = await new_org(records, database, 6)
    await mirror.once()
    await store.erase({org_id: 4})
    await mirror.once()
    assert len(await store.rows(org_id, 0, 0, 100)) == 2, "it is not looked for at each look"
    await new_mirror(records, store).once()
    assert await store.rows(org_id, 0, 0, 100) == await chain_of(records, org_id)


async def test_a_store_that_is_away_is_made_good_and_the_lag_says_so(
    records: Records, database: Database, store: AuditMirrorStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    mirror = new_mirror(records, store, monotonic=lambda: now)
    org_id = await new_org(records, database, 3)
    with monkeypatch.context() as patched:

        async def away(rows: Any) -> None:
            raise Unavailable

        patched.setattr(store, "insert", away)
        with pytest.raises(Unavailable):
            await mirror.once()
    now += 60
    assert mirror.gauges() == {"audit_mirror_rows_behind": 3, "audit_mirror_lag_seconds": 59.0}
    await mirror.once()
    assert await store.rows(org_id, 0, 0, 100) == await chain_of(records, org_id)
    assert mirror.gauges() == {"audit_mirror_rows_behind": 0, "audit_mirror_lag_seconds": 0.0}


async def test_what_the_plan_lets_go_leaves_the_mirror_too(
    engine: Engine, records: Records, database: Database, store: AuditMirrorStore, mirror: AuditMirror
) -> None:
    org_id = await new_org(records, database, 6)
    await mirror.once()
    fourth = (await chain_of(records, org_id))[3]
    async with database.write() as connection:
        old = update(org_audit).where(org_audit.c.org_id == org_id, org_audit.c.seq <= 4)
        await connection.execute(old.values(at=1))
    assert await records.audit_expiry.expire(Log.ORG, org_id, fourth.at_ms - DAY_MS) == 4
    await mirror.once()
    kept = await chain_of(records, org_id)
    assert [row.seq for row in kept] == [5, 6, 7]
    assert await store.rows(org_id, 0, 0, 100) == kept
    assert await physical(engine, org_id) == 3


async def test_rows_of_more_than_two_years_are_not_mirrored_and_are_not_missed(
    records: Records, database: Database, store: AuditMirrorStore, comparer: Comparer, mirror: AuditMirror
) -> None:
    org_id = await new_org(records, database, 6)
    old_ms = int(time.time() * 1000) - KEPT // timedelta(milliseconds=1) - DAY_MS
    async with database.write() as connection:
        old = update(org_audit).where(org_audit.c.org_id == org_id, org_audit.c.seq <= 4)
        await connection.execute(old.values(at=old_ms))
    await mirror.once()
    assert [row.seq for row in await store.rows(org_id, 0, 0, 100)] == [5, 6]
    compared = await comparer.compare(Log.ORG, org_id)
    assert (compared.rows, compared.behind, compared.differences) == (2, 0, [])


async def test_nothing_of_an_organisation_that_has_left_stays_in_table_or_file(
    engine: Engine,
    records: Records,
    database: Database,
    store: AuditMirrorStore,
    mirror: AuditMirror,
) -> None:
    gone, stays = await new_org(records, database, 5), await new_org(records, database, 3)
    await mirror.once()
    engine.writer().command("ALTER TABLE audit_rows DETACH PARTITION ALL")
    assert await records.moves.departures.mirrored(gone)
    await new_mirror(records, store).once()
    await erase_org(database, gone)
    assert await records.moves.departures.mirrored(gone), "the mirror holds it still"
    await mirror.once()
    assert not await records.moves.departures.mirrored(gone)
    assert await physical(engine, gone) == 0
    assert await store.rows(stays, 0, 0, 100) == await chain_of(records, stays)

    async def only_active_parts_are_on_disk() -> bool:
        of_table = "WHERE database = currentDatabase() AND table = 'audit_rows' AND active"
        active = {name for (name,) in await engine.query(f"SELECT name FROM system.parts {of_table}")}
        ((paths,),) = await engine.query("SELECT data_paths FROM system.tables WHERE name = 'audit_rows'")
        return parts_on_disk(Path(paths[0])) == active

    await until(only_active_parts_are_on_disk)


def parts_on_disk(table: Path) -> set[str]:
    """All folders of a table, those put aside included."""
    found = [path for path in (*table.iterdir(), *(table / "detached").iterdir()) if path.is_dir()]
    return {path.name for path in found if path.name != "detached"}


async def test_it_begins_anew_when_an_organisation_comes_back(
    records: Records, database: Database, store: AuditMirrorStore, mirror: AuditMirror
) -> None:
    org_id = await new_org(records, database, 3)
    await mirror.once()
    await store.erase({org_id: EVERYTHING})
    await records.audit_mirror.forget([org_id])
    await mirror.once()
    assert await store.rows(org_id, 0, 0, 100) == await chain_of(records, org_id)


async def test_who_has_left_is_not_begun(records: Records, database: Database) -> None:
    org_id = await new_org(records, database, 2)
    await erase_org(database, org_id)
    assert await records.audit_mirror.begin(Log.ORG, [org_id, "org_none"]) == set()
    assert await records.audit_mirror.known() == set()


async def test_what_the_records_know_nothing_of_goes(
    records: Records, database: Database, store: AuditMirrorStore
) -> None:
    """They may have been put back from a backup."""
    org_id = await new_org(records, database, 3)
    await new_mirror(records, store).once()
    await erase_org(database, org_id)
    async with database.write() as connection:
        await connection.execute(delete(audit_mirrors))
    await new_mirror(records, store).once()
    assert await store.rows(org_id, 0, 0, 100) == []


async def test_counts_are_of_what_may_be_read_still_and_are_a_row_of_the_log(
    records: Records, database: Database, store: AuditMirrorStore, mirror: AuditMirror
) -> None:
    counter = Counter(audit=records.audit, records=records.audit_mirror, store=store)
    org_id, project_id = await new_org(records, database, 6), await new_project(records, database, 3)
    await mirror.once()
    chain = await chain_of(records, org_id)
    month = datetime.fromtimestamp(chain[-1].at_ms / 1000, UTC).strftime("%Y-%m")
    found = await counter.count(org_id, "action", 0, 0)
    assert (found.of, found.behind) == ([("team.created", 5), ("org.created", 1)], 0)
    assert (await counter.count(org_id, "actor", 0, 0)).of[0] == (ADA.user_id, 5)
    assert (await counter.count(project_id, "resource_type", 0, 0)).of == [("api_key", 2), ("project", 1)]
    assert (await counter.count(org_id, "month", chain[0].at_ms, 0)).of == [(month, 6)]
    assert (await counter.count(org_id, "month", 0, chain[0].at_ms)).of == []
    newest = (await chain_of(records, org_id))[-1]
    told = f'{{"counted_by":"month","until":{chain[0].at_ms}}}'
    assert (newest.action, newest.after) == ("audit.read", told)

    head = update(org_audit_heads).where(org_audit_heads.c.org_id == org_id).values(first_seq=4)
    async with database.write() as connection:
        await connection.execute(head)
    assert (await counter.count(org_id, "action", 0, 0)).of == [("team.created", 2)], "they may not be read"
    with pytest.raises(NotFound):
        await counter.count("org_none", "action", 0, 0)


async def altered(comparer: Comparer, log: Log, scope: str) -> list[tuple[Kind, int, int]]:
    return [(one.kind, one.seq, one.last) for one in (await comparer.compare(log, scope)).differences]


async def test_each_difference_is_named(
    engine: Engine,
    records: Records,
    database: Database,
    store: AuditMirrorStore,
    mirror: AuditMirror,
    comparer: Comparer,
) -> None:
    org_id, project_id = await new_org(records, database, 9), await new_project(records, database, 4)
    await mirror.once()
    assert await altered(comparer, Log.ORG, org_id) == []

    async with database.write() as connection:
        third = (org_audit.c.org_id == org_id, org_audit.c.seq == 3)
        await connection.execute(update(org_audit).where(*third).values(actor_id="usr_eve"))
        cut = (org_audit.c.org_id == org_id, org_audit.c.seq.in_([5, 6, 8]))
        await connection.execute(delete(org_audit).where(*cut))
        # One who cut off the end and has written a new one.
        shorter = (project_audit.c.project_id == project_id, project_audit.c.seq > 2)
        await connection.execute(delete(project_audit).where(*shorter))
        head = update(project_audit_heads).where(project_audit_heads.c.project_id == project_id)
        await connection.execute(head.values(seq=2))
    assert await altered(comparer, Log.ORG, org_id) == [
        (Kind.CHANGED, 3, 3),
        (Kind.SURPLUS, 5, 6),
        (Kind.SURPLUS, 8, 8),
    ]
    assert await altered(comparer, Log.PROJECT, project_id) == [(Kind.SURPLUS, 3, 4)]
    await store.erase({org_id: 2})
    (missing, *_) = (await comparer.compare(Log.ORG, org_id)).differences
    chain = await chain_of(records, org_id)
    assert (missing.kind, missing.seq, missing.last, missing.audit_id) == (
        Kind.MISSING,
        1,
        2,
        chain[0].audit_id,
    )


async def test_it_is_never_copied_over_what_the_mirror_has(
    records: Records, database: Database, store: AuditMirrorStore, comparer: Comparer, mirror: AuditMirror
) -> None:
    """Somebody who changes the records, and has them mirrored again, is found all the same."""
    org_id = await new_org(records, database, 4)
    await mirror.once()
    async with database.write() as connection:
        second = (org_audit.c.org_id == org_id, org_audit.c.seq == 2)
        await connection.execute(update(org_audit).where(*second).values(actor_id="usr_eve"))
    await records.audit_mirror.reach({org_id: 0})
    await mirror.once()
    assert await altered(comparer, Log.ORG, org_id) == [(Kind.CHANGED, 2, 2)]
    assert (await store.rows(org_id, 1, 0, 1))[0].actor_id == ADA.user_id


async def test_rows_that_it_was_not_given_yet_are_behind_and_no_difference(
    records: Records, database: Database, mirror: AuditMirror, comparer: Comparer
) -> None:
    org_id = await new_org(records, database, 2)
    assert (await comparer.compare(Log.ORG, org_id)).behind == 2
    await mirror.once()
    await more_org_rows(database, org_id, 3)
    compared = await comparer.compare(Log.ORG, org_id)
    assert (compared.rows, compared.behind, compared.differences) == (2, 3, [])

"""Retention of stored events: lowered, raised, killed in between, and what expired before it was stored."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from services.ingest.retention import RetentionKeeper, start_retention
from services.ingest.writer import Writer
from storage.analytics.engine import Engine
from storage.analytics.guard import StoreGuard
from storage.analytics.readback import ReadBackSink
from storage.analytics.retention import RetentionStore
from storage.analytics.tables import NOT_EXPIRED, EventRow, seconds, tail
from storage.log import Append, Rows, Table
from storage.log.lmdb import LmdbLog
from storage.records.projects import ProjectRecord
from storage.records.records import Records
from tests.support.cells import until
from tests.support.clickhouse.server import ClickHouse
from tests.support.writer_rows import PATIENCE

pytestmark = [pytest.mark.disk]

REGION = "eu-west-1"
DAY_MS = 86_400_000
CHILD = Path(__file__).parent / "retention_child.py"


@pytest.fixture
async def records(tmp_path: Path) -> AsyncIterator[Records]:
    opened = await Records.open(f"sqlite+aiosqlite:///{tmp_path}/records.db", region=REGION)
    yield opened
    await opened.close()


@pytest.fixture
async def keeper(engine: Engine, records: Records) -> AsyncIterator[RetentionKeeper]:
    store = RetentionStore(engine=engine)
    yield RetentionKeeper(grants=records.projects, store=store, every_s=3600, poll_s=0.01)
    store.close()


async def new_project(records: Records, days: int) -> str:
    project_id = f"proj_{uuid.uuid4().hex}"
    record = ProjectRecord(project_id, "org_1", "Shop", REGION, "active", 1, days)
    await records.projects.provision(record, [])
    return project_id


def event(project_id: str, *, age_days: float, days: int, id: str = "") -> EventRow:
    """An event received so many days ago, named after its age."""
    return EventRow(
        project_id=project_id,
        environment="live",
        org_id="org_1",
        id=id or f"evt_{age_days}",
        event_name=f"{age_days} days old",
        distinct_id="user_1",
        timestamp_ms=0,
        received_at=seconds(int(time.time() * 1000 - age_days * DAY_MS)),
        properties=msgspec.Raw(b"{}"),
        default_properties=msgspec.Raw(b"{}"),
        retention_days=days,
    )


def store(engine: Engine, *events: EventRow) -> None:
    """Each in a part of its own."""
    for seq, row in enumerate(events, 1):
        engine.writer().insert("events", b'{"log_id":"log_r","log_seq":%d,%b\n' % (seq, tail(row)))


async def shown(engine: Engine, project_id: str) -> list[tuple[str, int]]:
    """What a query sees: ids and the days that they carry."""
    sql = f"SELECT id, retention_days FROM events FINAL WHERE project_id = {{p:String}} AND {NOT_EXPIRED}"
    return sorted(await engine.query(sql, {"p": project_id}))


async def on_disk(engine: Engine, project_id: str) -> list[str]:
    """What is left after a merge of everything: nothing is hidden here."""
    engine.writer().command("OPTIMIZE TABLE events FINAL")
    rows = await engine.query("SELECT id FROM events WHERE project_id = {p:String}", {"p": project_id})
    return sorted(row[0] for row in rows)


async def mutations(engine: Engine) -> int:
    ((count,),) = await engine.query("SELECT count() FROM system.mutations WHERE table = 'events'")
    return int(count)


async def test_lowered_retention_reaches_stored_events_in_answers_and_on_disk(
    engine: Engine, records: Records, keeper: RetentionKeeper
) -> None:
    project_id = await new_project(records, 90)
    store(engine, *(event(project_id, age_days=age, days=90) for age in (1, 10, 40)))
    await records.projects.set_retention({project_id: 30})
    await keeper.once()
    assert await shown(engine, project_id) == [("evt_1", 30), ("evt_10", 30)]
    assert await on_disk(engine, project_id) == ["evt_1", "evt_10"]
    assert keeper.behind == 0


async def test_raised_retention_keeps_what_would_have_gone_and_brings_nothing_back(
    engine: Engine, records: Records, keeper: RetentionKeeper
) -> None:
    project_id = await new_project(records, 30)
    # Or what has expired might be gone before it could come back.
    engine.writer().command("SYSTEM STOP TTL MERGES events")
    store(engine, *(event(project_id, age_days=age, days=30) for age in (29.9, 40)))
    await records.projects.set_retention({project_id: 90})
    await keeper.once()
    engine.writer().command("SYSTEM START TTL MERGES events")
    assert await shown(engine, project_id) == [("evt_29.9", 90)], "what had expired is shown again"
    assert await on_disk(engine, project_id) == ["evt_29.9"]


async def test_one_mutation_serves_every_project_and_touches_no_other(
    engine: Engine, records: Records, keeper: RetentionKeeper
) -> None:
    lowered, raised, equal = [await new_project(records, days) for days in (7, 365, 30)]
    unknown = f"proj_{uuid.uuid4().hex}"
    for project_id in (lowered, raised, equal, unknown):
        store(engine, event(project_id, age_days=1, days=30))
    before = await mutations(engine)
    await keeper.once()
    found = [(await shown(engine, each))[0][1] for each in (lowered, raised, equal, unknown)]
    assert found == [7, 365, 30, 30]
    assert await mutations(engine) == before + 1
    await keeper.once()
    assert await mutations(engine) == before + 1, "rows that are right were rewritten"


async def test_an_event_received_twice_stays_one_event_and_the_first(
    engine: Engine, records: Records, keeper: RetentionKeeper
) -> None:
    project_id = await new_project(records, 90)
    twice = [event(project_id, age_days=age, days=30, id="evt_twice") for age in (20, 10)]
    store(engine, *reversed(twice))
    await keeper.once()
    sql = "SELECT event_name, retention_days FROM events FINAL WHERE project_id = {p:String}"
    assert await engine.query(sql, {"p": project_id}) == [("20 days old", 90)]
    assert await on_disk(engine, project_id) in (["evt_twice"], ["evt_twice"] * 2)


async def test_events_that_were_in_the_log_when_the_days_changed_are_found_by_the_next_look(
    engine: Engine, records: Records, keeper: RetentionKeeper
) -> None:
    project_id = await new_project(records, 90)
    await records.projects.set_retention({project_id: 30})
    await keeper.once()
    store(engine, *(event(project_id, age_days=age, days=90) for age in (2, 60)))
    await keeper.once()
    assert await shown(engine, project_id) == [("evt_2", 30)]


async def test_events_from_before_there_was_a_retention_stay_until_it_is_changed(
    engine: Engine, records: Records, keeper: RetentionKeeper
) -> None:
    project_id = await new_project(records, 0)
    await _as_an_upgrade_left_it(records, project_id)
    store(engine, *(event(project_id, age_days=age, days=0) for age in (1, 400)))
    await keeper.once()
    await records.projects.set_retention({project_id: 30})
    store(engine, event(project_id, age_days=2, days=90))
    await keeper.once()
    assert await shown(engine, project_id) == [("evt_1", 0), ("evt_2", 30), ("evt_400", 0)]
    await records.projects.set_retention({project_id: 60})
    await keeper.once()
    assert await shown(engine, project_id) == [("evt_1", 60), ("evt_2", 60)]


async def _as_an_upgrade_left_it(records: Records, project_id: str) -> None:
    async with records._database.write() as connection:
        await connection.exec_driver_sql("UPDATE projects SET older_events_stay = true")


async def test_what_has_expired_leaves_the_disk_although_nobody_asks(engine: Engine) -> None:
    """The first TTL merge of a partition comes at once: this month of years ago is this test's alone."""
    project_id = f"proj_{uuid.uuid4().hex}"
    store(engine, event(project_id, age_days=3_000, days=30))

    async def gone() -> bool:
        sql = "SELECT count() FROM events WHERE project_id = {p:String}"
        return await engine.query(sql, {"p": project_id}) == [(0,)]

    await until(gone)


async def test_the_keeper_looks_again_and_again_also_after_the_store_was_away(
    clickhouse: ClickHouse, records: Records
) -> None:
    served = Engine.server(clickhouse.url, region=REGION)
    project_id = await new_project(records, 90)
    store(served, event(project_id, age_days=1, days=90))
    async with AsyncExitStack() as stack:
        stack.callback(served.close)
        start_retention(grants=records.projects, engine=served, every_s=0.05, stack=stack)
        for days in (30, 60):
            await records.projects.set_retention({project_id: days})

            async def met(days: int = days) -> bool:
                return await shown(served, project_id) == [("evt_1", days)]

            await until(met)
            clickhouse.kill()
            await asyncio.to_thread(clickhouse.start)


async def test_a_mutation_that_fails_is_waited_for_and_named_in_the_log(
    engine: Engine, records: Records, keeper: RetentionKeeper, caplog: pytest.LogCaptureFixture
) -> None:
    project_id = await new_project(records, 7)
    store(engine, event(project_id, age_days=1, days=30))
    engine.writer().command(
        "ALTER TABLE events UPDATE event_name = toString(throwIf(project_id = {p:String})) "
        "WHERE project_id = {p:String} SETTINGS mutations_sync = 0",
        {"p": project_id},
    )
    looking = asyncio.create_task(keeper.once())
    await until(lambda: "see system.mutations" in caplog.text)
    assert not looking.done()
    engine.writer().command("KILL MUTATION WHERE table = 'events' AND NOT is_done SYNC")
    await looking
    assert await shown(engine, project_id) == [("evt_1", 7)]


@pytest.mark.parametrize("days", [30_000, 65_535])
async def test_days_that_reach_past_a_32_bit_clock_remove_nothing(engine: Engine, days: int) -> None:
    project_id = f"proj_{uuid.uuid4().hex}"
    store(engine, *(event(project_id, age_days=age, days=days) for age in (0, 1)))
    assert await on_disk(engine, project_id) == ["evt_0", "evt_1"]
    assert await shown(engine, project_id) == [("evt_0", days), ("evt_1", days)]


async def test_expired_events_come_off_the_disk_within_hours_whatever_the_server_is_set_to(
    engine: Engine,
) -> None:
    sql = "SELECT engine_full FROM system.tables WHERE database = 'sankofa' AND name = 'events'"
    ((definition,),) = await engine.query(sql)
    assert "merge_with_ttl_timeout = 14400" in definition


async def test_a_log_that_waited_longer_than_the_retention_stores_each_living_event_once(
    engine: Engine, tmp_path: Path
) -> None:
    """A former run has stored all of it, and what had expired is gone: it looks missing to the read-back."""
    project_id = f"proj_{uuid.uuid4().hex}"
    log = LmdbLog.open(tmp_path / "log", max_bytes=16 << 20)
    rows = [tail(event(project_id, age_days=age, days=30)) for age in (40, 35, 3, 2)]
    await log.append([Append([Rows(Table.EVENTS, project_id, rows)])])
    ReadBackSink(handle=engine.writer(), log_id=log.log_id).insert(Table.EVENTS, log.read(0, 10))
    assert await on_disk(engine, project_id) == ["evt_2", "evt_3"]
    writer = Writer(
        log=log, engine=engine, guard=StoreGuard(REGION, lambda _: REGION), linger=timedelta(milliseconds=5)
    )
    writer.start()
    assert writer.stop(PATIENCE)
    assert await shown(engine, project_id) == [("evt_2", 30), ("evt_3", 30)]
    assert await on_disk(engine, project_id) == ["evt_2", "evt_3"]
    log.close()


@pytest.mark.parametrize("step", ["looked", "begun", "done", ""])
def test_killed_at_any_step_the_next_look_completes(tmp_path: Path, step: str) -> None:
    died = run_child(tmp_path, step)
    assert died.returncode == (9 if step else 0), died.stderr
    again = run_child(tmp_path, "")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout.splitlines()[-1]) == {"carried": [7], "shown": 500, "behind": 0}


def run_child(folder: Path, die_at: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(CHILD), str(folder), die_at]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)

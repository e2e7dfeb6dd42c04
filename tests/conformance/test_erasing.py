"""A person is erased in the order of the log: what came before is gone from every table and from the disk."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from services.ingest.erasing import order_row
from services.ingest.inserting import TRIES
from services.ingest.writer import Writer
from storage.analytics.engine import Engine
from storage.analytics.erasing import ErasureOrder
from storage.analytics.guard import StoreGuard
from storage.log import Record, Rows, Table
from storage.log.lmdb import LmdbLog
from storage.sweep import scan_files
from tests.support.cells import until
from tests.support.markers import new_marker
from tests.support.writer_rows import PATIENCE, REGION, alias, append, event, person, stored

pytestmark = [pytest.mark.disk]


@pytest.fixture
def log(tmp_path: Path) -> Iterator[LmdbLog]:
    opened = LmdbLog.open(tmp_path / "log", max_bytes=64 << 20)
    yield opened
    opened.close()


def order(project: str, who: str) -> Rows:
    said = ErasureOrder(erasure_id=f"era_{project}", project_id=project, environment="live", distinct_id=who)
    return Rows(Table.ERASURES, project, [order_row(said)])


def write(log: LmdbLog, engine: Engine) -> None:
    """Until the log is empty."""
    guard = StoreGuard(REGION, lambda _: REGION)
    writer = Writer(log=log, engine=engine, guard=guard, linger=timedelta(), upkeep_every=timedelta())
    writer.start()
    assert writer.flush(timeout=PATIENCE)
    assert writer.stop(PATIENCE)


async def people_of(engine: Engine, table: str, project: str) -> list[str]:
    sql = f"SELECT distinct_id FROM {table} WHERE project_id = {{p:String}} ORDER BY distinct_id"
    return [row[0] for row in await engine.query(sql, {"p": project})]


async def test_all_ids_of_a_person_go_and_everyone_else_stays(
    engine: Engine, log: LmdbLog, project: str
) -> None:
    other = f"{project}_other"
    await append(
        log,
        [
            event(project, 1, who="anon_1"),
            event(project, 2, who="user_1"),
            event(project, 3, who="user_2"),
            event(project, 4, who="user_1", environment="test"),
            event(other, 5, who="user_1"),
            person(project, "user_1"),
            person(project, "user_2"),
            alias(project, "anon_1", "user_1"),
            alias(project, "anon_2", "user_2"),
            order(project, "anon_1"),
            event(project, 6, who="user_1"),
        ],
    )
    write(log, engine)
    assert await stored(engine, project) == ["event 3", "event 4", "event 6"]
    assert await stored(engine, other) == ["event 5"]
    assert await people_of(engine, "people", project) == ["user_2"]
    assert await people_of(engine, "aliases", project) == ["user_2"]


async def test_an_erasure_that_is_carried_out_again_erases_what_it_erased_and_no_more(
    engine: Engine, log: LmdbLog, project: str
) -> None:
    """A kill between the erasure and its cursor: the aliases that named the other id are gone by then."""
    await append(log, [event(project, 1, who="anon_1"), alias(project, "anon_1", "user_1")])
    write(log, engine)
    place = await append(log, [order(project, "user_1"), event(project, 2, who="user_1")])
    (block,) = log.read(place - 1, 1)
    guard = StoreGuard(REGION, lambda _: REGION)
    writer = Writer(log=log, engine=engine, guard=guard)
    writer._erasures.carry_out(Record(place, block.table, project, block.rows[0]))
    assert await stored(engine, project) == []
    write(log, engine)
    assert await stored(engine, project) == ["event 2"]


async def test_dead_letters_of_the_person_go_too(engine: Engine, log: LmdbLog, project: str) -> None:
    bad = b',"timestamp_ms":"soon"}'
    named = [
        b'"project_id":"p","environment":"live","distinct_id":"user_1"' + bad,
        b'"project_id":"p","environment":"test","distinct_id":"user_1"' + bad,
        b'"project_id":"p","environment":"live","distinct_id":"user_2"' + bad,
        b'"cut off: user_1',
        b'"cut off: user_2',
    ]
    first = await append(log, [Rows(Table.EVENTS, project, named), order(project, "user_1")])
    write(log, engine)
    assert [letter.record.seq - first for letter in log.dead_letters()] == [1, 2, 4]


async def test_an_order_that_can_not_be_read_is_a_dead_letter(
    engine: Engine, log: LmdbLog, project: str
) -> None:
    assert TRIES == 5
    await append(log, [Rows(Table.ERASURES, project, [b'"erasure_id":1}']), event(project, 1)])
    write(log, engine)
    assert [letter.reason for letter in log.dead_letters()] == ["ValidationError"]
    assert await stored(engine, project) == ["event 1"]


def traces(folder: Path, marker: str) -> list[str]:
    return [path for path, _, hit in scan_files(folder, marker.encode(), apart=()) if hit]


async def test_after_the_cleanup_no_byte_is_on_the_disk(
    engine: Engine, log: LmdbLog, project: str, tmp_path: Path, store_folder: Path
) -> None:
    """LZ4 leaves a random value as it is: the same search finds it in the store's files before."""
    marker = new_marker()
    await append(log, [event(project, 1, who=marker), person(project, marker), event(project, 2)])
    bad = b'"distinct_id":"%b","timestamp_ms":"soon"}' % marker.encode()
    await append(log, [alias(project, "anon_1", marker), Rows(Table.EVENTS, project, [bad])])
    write(log, engine)
    tables = ("events", "people", "aliases")
    assert len(traces(store_folder, marker)) >= len(tables)
    assert traces(tmp_path / "log", marker) == ["data.mdb"]
    for table in tables:
        engine.writer().command(f"ALTER TABLE {table} MODIFY SETTING old_parts_lifetime = 0")
    await append(log, [order(project, "anon_1")])
    write(log, engine)
    write(log, engine)  # the next life overwrites what this one was stopped before
    assert [place for place in await engine.sweep(marker) if place.hits] == []
    assert traces(tmp_path / "log", marker) == []

    def removed() -> bool:
        return traces(store_folder, marker) == []

    await until(removed, deadline_s=60)
    assert await stored(engine, project) == ["event 2"]

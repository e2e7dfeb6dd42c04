"""The writer: every acknowledged row is in the store exactly once, whatever is killed when."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from services.ingest.writer import Writer
from storage.analytics.engine import Engine
from storage.analytics.errors import StoreUnavailable
from storage.analytics.guard import StoreGuard
from storage.analytics.readback import ReadBackSink
from storage.log import Block, DurableLog, Record, Rows, Table
from storage.log.blocks import only
from storage.log.lmdb import LmdbLog
from tests.support.logs import LogPlace
from tests.support.old_logs import write_format_1
from tests.support.writer_rows import PATIENCE, REGION, append, event, stored

pytestmark = [pytest.mark.disk]

POISON = Rows(Table.EVENTS, "proj_bad", [b'"timestamp_ms":"soon"}'])


@pytest.fixture
def log(place: LogPlace) -> Iterator[DurableLog]:
    opened = place.open()
    yield opened
    opened.close()


MakeWriter = Callable[..., Writer]


@pytest.fixture
def make_writer(engine: Engine, log: DurableLog) -> Iterator[MakeWriter]:
    """Starts writers on the test's log, one after the other, and stops the last."""
    made: list[Writer] = []

    def make(**options: object) -> Writer:
        guard = StoreGuard(REGION, lambda project: "us-east-1" if project == "proj_there" else REGION)
        chosen = {"guard": guard, "linger": timedelta(milliseconds=5)} | options
        made.append(Writer(log=log, engine=engine, **chosen))  # type: ignore[arg-type]
        made[-1].start()
        return made[-1]

    yield make
    for writer in made:
        writer.stop(PATIENCE)


async def test_what_is_appended_is_stored_and_leaves_the_log(
    engine: Engine, log: DurableLog, project: str, make_writer: MakeWriter
) -> None:
    writer = make_writer(batch_rows=30)
    for at in range(0, 100, 10):
        await append(log, [event(project, number) for number in range(at, at + 10)])
    assert writer.flush(timeout=PATIENCE)
    assert await stored(engine, project) == [f"event {number}" for number in range(100)]
    assert log.stats().lag == 0
    assert writer.stats().rows == 100


async def test_a_poisoned_row_becomes_a_dead_letter_and_its_neighbours_are_stored(
    engine: Engine, log: DurableLog, project: str, make_writer: MakeWriter
) -> None:
    cut = Rows(Table.EVENTS, project, [event(project, 999).rows[0][:-1]])
    entries = [event(project, number) for number in range(50)]
    await append(log, [POISON, *entries[:20], POISON, POISON, *entries[20:], cut])
    writer = make_writer()
    assert writer.flush(timeout=PATIENCE)
    assert await stored(engine, project) == [f"event {number}" for number in range(50)]
    dead = log.dead_letters()
    assert [letter.record.seq for letter in dead] == [1, 22, 23, 54]
    assert {letter.record.row for letter in dead} == {*POISON.rows, *cut.rows}
    assert all(letter.reason.isupper() for letter in dead)
    assert writer.stats().dead_letters == 4


async def test_a_row_of_another_regions_project_does_not_reach_the_store(
    engine: Engine, log: DurableLog, project: str, make_writer: MakeWriter
) -> None:
    await append(log, [event(project, 1), event("proj_there", 2), event(project, 3)])
    writer = make_writer()
    assert writer.flush(timeout=PATIENCE)
    assert await stored(engine, project) == ["event 1", "event 3"]
    assert await stored(engine, "proj_there") == []
    [letter] = log.dead_letters()
    assert (letter.record.seq, writer.stats().refused) == (2, 1)
    assert "another region" in letter.reason


async def test_an_event_id_sent_again_is_stored_once_and_the_first_one_stays(
    engine: Engine, log: DurableLog, project: str, make_writer: MakeWriter
) -> None:
    writer = make_writer()
    first = await append(log, [event(project, 1, id="evt_a"), event(project, 2, id="evt_a")])
    assert writer.flush(first + 1, PATIENCE)
    await append(log, [event(project, 3, id="evt_a"), event(project, 4, id="evt_a", environment="test")])
    assert writer.flush(timeout=PATIENCE)
    assert await stored(engine, project, final=True) == ["event 1", "event 4"]


async def test_rows_that_a_former_run_inserted_are_not_inserted_again(
    engine: Engine, log: DurableLog, project: str, make_writer: MakeWriter
) -> None:
    await append(log, [event(project, number) for number in range(10)])
    sink = ReadBackSink(handle=engine.writer(), log_id=log.log_id)
    blocks = only(log.read(0, 10), lambda seq: seq in (3, 8))
    sink.insert(Table.EVENTS, blocks)
    writer = make_writer(batch_rows=4)
    assert writer.flush(timeout=PATIENCE)
    assert await stored(engine, project) == [f"event {number}" for number in range(10)]
    assert writer.stats().rows == 8


async def test_an_upgrade_between_an_insert_and_its_cursor_doubles_and_loses_nothing(
    engine: Engine, project: str, tmp_path: Path
) -> None:
    """The version before had inserted some rows, and was killed; its log is of the format before."""
    log_id = f"log_{project}"
    held = [Record(seq, Table.EVENTS, project, event(project, seq).rows[0]) for seq in range(8, 60)]
    sink = ReadBackSink(handle=engine.writer(), log_id=log_id)
    sink.insert(Table.EVENTS, [Block(one.seq, one.table, project, [one.row]) for one in held[:30:3]])
    write_format_1(tmp_path / "old", log_id=log_id, cursor=7, held=held)
    log = LmdbLog.open(tmp_path / "old", max_bytes=64 << 20)
    writer = Writer(log=log, engine=engine, guard=StoreGuard(REGION, lambda _: REGION), batch_rows=20)
    writer.start()
    assert writer.stop(PATIENCE)
    assert await stored(engine, project) == [f"event {seq}" for seq in range(8, 60)]
    assert writer.stats().rows == 42
    log.close()


def test_an_equal_key_counts_as_present_and_only_in_its_environment(
    engine: Engine, log: DurableLog, project: str
) -> None:
    sink = ReadBackSink(handle=engine.writer(), log_id=f"log_{project}")

    def record(seq: int, part: Rows) -> Block:
        return Block(seq, part.table, part.project_id, part.rows)

    sink.insert(Table.EVENTS, [record(1, event(project, 1, id="evt_a"))])
    again = record(5, event(project, 5, id="evt_a"))
    elsewhere = record(6, event(project, 6, id="evt_a", environment="test"))
    unreadable = record(7, POISON)
    assert sink.missing(Table.EVENTS, [again, elsewhere, unreadable]) == [elsewhere, unreadable]
    assert sink.horizon(0) == 1
    assert sink.horizon(1) == 1


@pytest.mark.parametrize("landed", [False, True], ids=["before", "after"])
async def test_an_insert_that_fails_before_or_after_it_landed_is_made_good(
    engine: Engine,
    log: DurableLog,
    project: str,
    make_writer: MakeWriter,
    monkeypatch: pytest.MonkeyPatch,
    landed: bool,
) -> None:
    insert, failures = ReadBackSink.insert, iter([True, True, True])

    def flaky(self: ReadBackSink, table: Table, blocks: list[Block]) -> None:
        fail = next(failures, False)
        if landed or not fail:
            insert(self, table, blocks)
        if fail:
            raise StoreUnavailable("NETWORK_ERROR")

    monkeypatch.setattr(ReadBackSink, "insert", flaky)
    await append(log, [event(project, number) for number in range(20)])
    writer = make_writer()
    assert writer.flush(timeout=PATIENCE)
    assert await stored(engine, project) == [f"event {number}" for number in range(20)]
    assert writer.stats().failures >= 1
    assert log.dead_letters() == []


async def test_a_failure_nobody_foresaw_stops_nothing(
    engine: Engine, log: DurableLog, project: str, make_writer: MakeWriter
) -> None:
    failed = threading.Event()

    def step(name: str) -> None:
        if name == "inserted:events" and not failed.is_set():
            failed.set()
            raise RuntimeError("a defect")

    await append(log, [event(project, 1), event(project, 2)])
    writer = make_writer(step=step)
    assert writer.flush(timeout=PATIENCE)
    assert failed.is_set()
    assert await stored(engine, project) == ["event 1", "event 2"]


async def test_a_writer_that_stops_has_drained_the_log(
    engine: Engine, log: DurableLog, project: str, make_writer: MakeWriter
) -> None:
    writer = make_writer(batch_rows=7)
    await append(log, [event(project, number) for number in range(50)])
    assert writer.stop(PATIENCE) is True
    assert len(await stored(engine, project)) == 50

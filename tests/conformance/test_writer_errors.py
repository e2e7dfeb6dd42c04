"""What the writer does with an error: a row's, the store's, or one that nobody has a name for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from services.ingest import inserting
from services.ingest import writer as writing
from services.ingest.inserting import TRIES
from services.ingest.writer import Writer
from storage.analytics.engine import Engine
from storage.analytics.errors import RowsRefused, StoreFailed, StoreUnavailable, StoreUnforeseen
from storage.analytics.guard import StoreGuard
from storage.analytics.readback import ReadBackSink
from storage.log import Append, Block, LogFull, Rows, Table
from storage.log.blocks import records
from storage.log.lmdb import LmdbLog
from tests.support.writer_rows import PATIENCE, REGION, event, stored

pytestmark = [pytest.mark.disk]

Fault = Callable[[list[Block]], Exception | None]


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "FIRST_PAUSE_S", 0.0)
    monkeypatch.setattr(writing, "LONGEST_PAUSE_S", 0.0)
    monkeypatch.setattr(inserting, "FIRST_PAUSE_S", 0.0)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[LmdbLog]:
    opened = LmdbLog.open(tmp_path / "log", max_bytes=64 << 20)
    yield opened
    opened.close()


async def written(
    log: LmdbLog, engine: Engine, monkeypatch: pytest.MonkeyPatch, fault: Fault, parts: list[Rows]
) -> Writer:
    """The writer, stopped, after it has stored these rows in a store that fails as `fault` says."""
    insert = ReadBackSink.insert

    def failing(self: ReadBackSink, table: Table, blocks: list[Block]) -> None:
        if error := fault(blocks):
            raise error
        insert(self, table, blocks)

    monkeypatch.setattr(ReadBackSink, "insert", failing)
    await log.append([Append(parts)])
    guard = StoreGuard(REGION, lambda _: REGION)
    writer = Writer(log=log, engine=engine, guard=guard, linger=timedelta(milliseconds=5))
    writer.start()
    assert writer.flush(timeout=PATIENCE)
    assert writer.stop(PATIENCE)
    return writer


def names(numbers: range, *, without: tuple[int, ...] = ()) -> list[str]:
    return [f"event {number}" for number in numbers if number not in without]


@pytest.mark.parametrize("error", [StoreUnforeseen("BAFFLING"), RuntimeError("a defect")], ids=type)
async def test_a_row_that_alone_fails_again_and_again_is_a_dead_letter_and_its_neighbours_are_stored(
    engine: Engine, log: LmdbLog, project: str, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    bad = {b'"n":13', b'"n":31'}
    alone: list[int] = []

    def fault(blocks: list[Block]) -> Exception | None:
        rows = list(records(blocks))
        if not any(mark in record.row for mark in bad for record in rows):
            return None
        alone.extend(record.seq for record in rows if len(rows) == 1)
        return error

    await written(log, engine, monkeypatch, fault, [event(project, number) for number in range(40)])
    assert await stored(engine, project) == names(range(40), without=(13, 31))
    letters = log.dead_letters()
    assert [letter.record.seq for letter in letters] == [14, 32]
    assert {letter.reason for letter in letters} == {getattr(error, "cause", "RuntimeError")}
    assert alone.count(14) == alone.count(32) == TRIES


@pytest.mark.parametrize(
    "error", [StoreUnavailable("TOO_MANY_PARTS"), StoreFailed("UNKNOWN_TABLE")], ids=["away", "ours"]
)
async def test_what_waiting_or_a_person_mends_is_tried_for_ever(
    engine: Engine, log: LmdbLog, project: str, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    failures = iter([True] * (4 * TRIES))

    def fault(blocks: list[Block]) -> Exception | None:
        return error if next(failures, False) else None

    writer = await written(log, engine, monkeypatch, fault, [event(project, number) for number in range(20)])
    assert await stored(engine, project) == names(range(20))
    assert log.dead_letters() == []
    assert (writer.stats().failures, writer.stats().last_error) == (4 * TRIES, "")


async def test_an_error_without_a_name_that_passes_costs_no_row(
    engine: Engine, log: LmdbLog, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = iter([True] * (TRIES - 1))

    def fault(blocks: list[Block]) -> Exception | None:
        return StoreUnforeseen("BAFFLING") if next(failures, False) else None

    await written(log, engine, monkeypatch, fault, [event(project, number) for number in range(20)])
    assert await stored(engine, project) == names(range(20))
    assert log.dead_letters() == []


async def test_a_row_that_is_there_after_its_failure_is_not_stored_again(
    engine: Engine, log: LmdbLog, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The insert lands each time and says that it failed: halves and rows alone are looked for first."""
    insert = ReadBackSink.insert
    sink = ReadBackSink(handle=engine.writer(), log_id=log.log_id)

    def fault(blocks: list[Block]) -> Exception | None:
        if len(list(records(blocks))) > 1:
            return StoreUnforeseen("BAFFLING")
        insert(sink, Table.EVENTS, blocks)
        return StoreUnforeseen("BAFFLING")

    await written(log, engine, monkeypatch, fault, [event(project, number) for number in range(5)])
    assert await stored(engine, project) == names(range(5))
    assert log.dead_letters() == []


async def test_rows_whose_cursor_can_not_be_moved_are_not_stored_again(
    engine: Engine, log: LmdbLog, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are in the store, and on a full disk the log can't forget them."""
    commit, failures = LmdbLog.commit, iter([LogFull(), LogFull()])

    def full(self: LmdbLog, seq: int, *, erased: bool = False) -> None:
        if error := next(failures, None):
            raise error
        commit(self, seq, erased=erased)

    monkeypatch.setattr(LmdbLog, "commit", full)
    rows = [event(project, number) for number in range(10)]
    writer = await written(log, engine, monkeypatch, lambda _: None, rows)
    assert await stored(engine, project) == names(range(10))
    assert (writer.stats().rows, writer.stats().failures) == (10, 2)


@pytest.mark.parametrize(
    ("later", "letters"),
    [
        (None, []),
        (StoreUnavailable("AWAY"), []),
        (RowsRefused("INCORRECT_DATA"), ["INCORRECT_DATA"]),
    ],
    ids=["is taken", "meets a store that is away", "is refused"],
)
async def test_a_row_alone_that_later_gets_another_answer(
    engine: Engine,
    log: LmdbLog,
    project: str,
    monkeypatch: pytest.MonkeyPatch,
    later: Exception | None,
    letters: list[str],
) -> None:
    answers: Iterator[Exception | None] = iter([StoreUnforeseen("BAFFLING")] * (TRIES + 2) + [later])

    def fault(blocks: list[Block]) -> Exception | None:
        return next(answers, None) if any(b'"n":3' in record.row for record in records(blocks)) else None

    await written(log, engine, monkeypatch, fault, [event(project, number) for number in range(4)])
    assert next(answers, "asked for all") == "asked for all"
    assert [letter.reason for letter in log.dead_letters()] == letters
    assert await stored(engine, project) == names(range(3 if letters else 4))


async def test_a_process_that_ends_while_a_row_is_tried_leaves_it_in_the_log(
    engine: Engine, log: LmdbLog, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inserting, "FIRST_PAUSE_S", 60.0)
    alone = threading.Event()

    def fault(self: ReadBackSink, table: Table, blocks: list[Block]) -> None:
        if len(list(records(blocks))) == 1:
            alone.set()
        raise StoreUnforeseen("BAFFLING")

    monkeypatch.setattr(ReadBackSink, "insert", fault)
    await log.append([Append([event(project, 1), event(project, 2)])])
    writer = Writer(log=log, engine=engine, guard=StoreGuard(REGION, lambda _: REGION))
    writer.start()
    assert alone.wait(30)
    assert writer.stop(timedelta(milliseconds=200)) is False
    assert (log.cursor(), log.dead_letters()) == (0, [])

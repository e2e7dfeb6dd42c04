"""What every durable log does, whatever it is built on."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from storage.log import (
    Append,
    DeadLetter,
    DurableLog,
    KeyReused,
    LogFailed,
    LogFull,
    Once,
    Outcome,
    Record,
    Rows,
    Table,
)
from storage.log.blocks import records
from storage.log.jetstream import JetStreamLog
from storage.log.lmdb import LmdbLog
from tests.support.logs import LogPlace

pytestmark = [pytest.mark.disk]

OpenLog = Callable[..., DurableLog]
CHILD = Path(__file__).parent / "log_child.py"


@pytest.fixture
def open_log(place: LogPlace) -> Iterator[OpenLog]:
    """Opens the same log each time: call it again after a close."""
    opened: list[DurableLog] = []

    def opener(max_bytes: int = 64 << 20, **options: Any) -> DurableLog:
        for log in opened:
            log.close()
        opened.append(place.open(max_bytes, **options))
        return opened[-1]

    yield opener
    for log in opened:
        log.close()


@pytest.fixture
def log(open_log: OpenLog) -> DurableLog:
    return open_log()


def rows(
    *bodies: bytes, table: Table = Table.EVENTS, project: str = "proj_a", once: Once | None = None
) -> list[Append]:
    return [Append([Rows(table, project, bodies)], once)]


async def first(log: DurableLog, append: list[Append]) -> int:
    """Appends one, and answers its first seq. Raises what it is refused with."""
    (outcome,) = await log.append(append)
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def read(log: DurableLog, after: int, limit: int) -> list[Record]:
    """The records of the blocks that are read."""
    return list(records(log.read(after, limit)))


async def test_records_come_back_in_order_with_every_byte(log: DurableLog) -> None:
    odd = '"t":"ü\u2028😀",\n "n":9007199254740993}'.encode()
    assert await first(log, rows(b'"a":1}', odd)) == 1
    assert await first(log, rows(b"", table=Table.ALIASES, project="proj_ü")) == 3
    assert read(log, 0, 10) == [
        Record(1, Table.EVENTS, "proj_a", b'"a":1}'),
        Record(2, Table.EVENTS, "proj_a", odd),
        Record(3, Table.ALIASES, "proj_ü", b""),
    ]
    assert [record.seq for record in read(log, 1, 1)] == [2]
    assert read(log, 2, 1) == read(log, 0, 10)[2:]
    assert log.read(3, 10) == []


async def test_parts_of_an_append_stay_together_and_in_order(log: DurableLog) -> None:
    mixed = Append(
        [
            Rows(Table.ALIASES, "proj_a", [b"1}"]),
            Rows(Table.PEOPLE, "proj_a", [b"2}", b"3}"]),
            Rows(Table.EVENTS, "proj_a", [b"4}"]),
        ]
    )
    other = Append([Rows(Table.EVENTS, "proj_b", [b"5}"])])
    assert await log.append([mixed, other, mixed]) == [1, 5, 6]
    found = read(log, 0, 100)
    assert [(record.seq, record.row) for record in found[:5]] == [
        (seq, b"%d}" % seq) for seq in (1, 2, 3, 4, 5)
    ]
    assert [record.table for record in found[5:]] == [record.table for record in found[:4]]
    assert [record.project_id for record in found] == ["proj_a"] * 4 + ["proj_b"] + ["proj_a"] * 4


async def test_rows_larger_than_a_block_and_many_small_ones_come_back(log: DurableLog) -> None:
    bodies = [b"x" * size for size in (1, 200_000, 0, 70_000, *[300] * 900, 5)]
    assert await first(log, rows(*bodies)) == 1
    assert [record.row for record in read(log, 0, 10_000)] == bodies
    assert [record.row for record in read(log, 500, 10_000)] == bodies[500:]


async def test_appends_of_many_callers_get_distinct_ranges_without_gaps(log: DurableLog) -> None:
    firsts = await asyncio.gather(*[first(log, rows(*[b"%d}" % caller] * 3)) for caller in range(200)])
    assert sorted(firsts) == list(range(1, 600, 3))
    by_seq = {record.seq: record.row for record in read(log, 0, 1000)}
    for caller, seq in enumerate(firsts):
        assert [by_seq[seq + at] for at in range(3)] == [b"%d}" % caller] * 3


async def test_appends_that_arrive_together_share_a_commit(
    log: DurableLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(log, LmdbLog | JetStreamLog)
    commits: list[int] = []
    store = log._committer._store

    def counted(batch: list[Append]) -> list[Outcome]:
        commits.append(len(batch))
        return store(batch)

    monkeypatch.setattr(log._committer, "_store", counted)
    await asyncio.gather(*[log.append(rows(b"}")) for _ in range(300)])
    assert sum(commits) == 300
    assert len(commits) < 30


async def test_an_append_of_nothing_is_a_mistake(log: DurableLog) -> None:
    for nothing in ([], [Append([])], rows(), [*rows(b"}"), *rows()]):
        with pytest.raises(ValueError, match="at least one"):
            await log.append(nothing)
    assert log.stats().appended == 0


async def test_a_cancelled_append_does_not_disturb_the_others(log: DurableLog) -> None:
    doomed = asyncio.create_task(first(log, rows(b"1}")))
    other = asyncio.create_task(first(log, rows(b"2}")))
    await asyncio.sleep(0)
    doomed.cancel()
    seq = await other
    assert read(log, seq - 1, 1)[0].row == b"2}"


async def test_over_its_bound_a_log_refuses_whole_appends_and_recovers_after_a_commit(
    open_log: OpenLog,
) -> None:
    log = open_log(max_bytes=2 << 20)
    frame = rows(*[b"x" * 1000] * 100)
    stored = 0
    with pytest.raises(LogFull):
        while True:
            await first(log, frame)
            stored += 100
    stats = log.stats()
    assert stats.appended == stored == len(read(log, 0, 10_000))
    assert 0 < stats.used_bytes <= stats.bound_bytes < 2 << 20
    log.commit(stored)
    assert log.stats().lag == 0
    assert await first(log, frame) == stored + 1


async def test_a_full_log_goes_on_for_ever_at_the_speed_of_its_writer(open_log: OpenLog) -> None:
    log = open_log(max_bytes=2 << 20)
    for size in (100, 900, 3000, 9000) * 20:
        times = 300_000 // size
        seq = await first(log, rows(*[b"x" * size] * times))
        log.commit(seq + times - 1)
    assert log.stats().lag == 0


async def test_one_append_over_the_bound_does_not_fail_its_neighbours(open_log: OpenLog) -> None:
    log = open_log(max_bytes=1 << 20)
    refused, seq = await log.append([*rows(b"x" * (2 << 20)), *rows(b"y}")])
    assert isinstance(refused, LogFull)
    assert seq == 1
    assert [record.row for record in read(log, 0, 9)] == [b"y}"]


KEY = b"k" * 32


async def test_a_repeated_append_is_stored_once_and_answered_as_the_first(open_log: OpenLog) -> None:
    log = open_log()
    again = rows(b"1}", b"2}", once=Once(KEY, b"same"))
    assert await log.append([*rows(b"0}"), *again, *again]) == [1, 2, 2]
    assert await asyncio.gather(*[first(log, again) for _ in range(20)]) == [2] * 20
    log.commit(3)
    log.close()
    assert await first(open_log(), again) == 2
    assert open_log_rows(open_log()) == []


def open_log_rows(log: DurableLog) -> list[bytes]:
    return [record.row for record in read(log, 0, 100)]


async def test_a_key_that_comes_with_something_else_is_refused_and_its_neighbours_are_not(
    log: DurableLog,
) -> None:
    outcomes = await log.append(
        [
            *rows(b"1}", once=Once(KEY, b"this")),
            *rows(b"2}", once=Once(KEY, b"that")),
            *rows(b"3}", once=Once(b"q" * 32, b"that")),
        ]
    )
    assert (outcomes[0], outcomes[2]) == (1, 2)
    assert isinstance(outcomes[1], KeyReused)
    assert open_log_rows(log) == [b"1}", b"3}"]


async def test_a_refused_append_leaves_its_key_unused(open_log: OpenLog) -> None:
    log = open_log(max_bytes=1 << 20)
    (refused,) = await log.append(rows(b"x" * (2 << 20), once=Once(KEY, b"huge")))
    assert isinstance(refused, LogFull)
    assert await first(log, rows(b"1}", once=Once(KEY, b"small"))) == 1


async def test_a_key_is_free_again_after_a_day(open_log: OpenLog) -> None:
    now_ms = [1_000_000]
    log = open_log(now_ms=lambda: now_ms[0])
    for hour in range(0, 75, 25):
        now_ms[0] = hour * 3_600_000
        (outcome,) = await log.append(rows(b"%d}" % hour, once=Once(KEY, b"%d" % hour)))
        assert isinstance(outcome, int)
        now_ms[0] += 23 * 3_600_000
        (refused,) = await log.append(rows(b"again}", once=Once(KEY, b"other")))
        assert isinstance(refused, KeyReused)
    assert open_log_rows(log) == [b"0}", b"25}", b"50}"]


async def test_the_cursor_the_id_and_the_rows_survive_a_restart(open_log: OpenLog) -> None:
    log = open_log()
    await log.append(rows(*[b"%d}" % n for n in range(10)]))
    log.commit(7)
    log.close()
    again = open_log()
    assert (again.log_id, again.cursor()) == (log.log_id, 7)
    assert [record.seq for record in read(again, 0, 100)] == [8, 9, 10]


async def test_a_number_is_never_used_twice_even_when_the_log_is_empty(open_log: OpenLog) -> None:
    log = open_log()
    await log.append(rows(b"1}", b"2}"))
    log.commit(2)
    log.close()
    assert await first(open_log(), rows(b"3}")) == 3


async def test_numbers_go_on_while_another_thread_empties_the_log(log: DurableLog) -> None:
    """Each append finds a log that is just being emptied: its rows never lie behind the cursor."""
    taken: list[bytes] = []

    def empty(until: int) -> None:
        while (cursor := log.cursor()) < until and log.wait_for(cursor, 10.0):
            blocks = log.read(cursor, 100)
            log.commit(blocks[-1].last)
            taken.extend(bytes(row) for block in blocks for row in block.rows)

    sent, interval = [b"%d}" % number for number in range(1500)], sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        emptying = asyncio.create_task(asyncio.to_thread(empty, len(sent)))
        for row in sent:
            await log.append(rows(row))
        await emptying
    finally:
        sys.setswitchinterval(interval)
    assert taken == sent
    assert log.stats().lag == 0


async def test_a_cursor_does_not_go_back_or_beyond_the_end(log: DurableLog) -> None:
    await log.append(rows(b"1}", b"2}"))
    log.commit(2)
    for seq in (1, 3):
        with pytest.raises(ValueError, match="can't move"):
            log.commit(seq)


async def test_a_commit_deletes_more_than_one_step(log: DurableLog) -> None:
    for _ in range(3):
        await log.append(rows(*[b"}"] * 3000))
    log.commit(8500)
    assert read(log, 0, 1)[0].seq == 8501


async def test_dead_letters_stay_once_each_with_reason_and_row(open_log: OpenLog) -> None:
    now_ms = [5]
    log = open_log(now_ms=lambda: now_ms[0])
    await log.append(rows(b"good}", b"bad}", b"worse}"))
    good, bad, worse = read(log, 0, 3)
    for record, reason in (
        (worse, "INCORRECT_DATA"),
        (bad, "CANNOT_PARSE_NUMBER"),
        (bad, "CANNOT_PARSE_NUMBER"),
    ):
        log.dead_letter(record, reason)
        now_ms[0] += 1
    log.commit(3)
    log.close()
    again = open_log()
    letters = [DeadLetter(bad, "CANNOT_PARSE_NUMBER", 6), DeadLetter(worse, "INCORRECT_DATA", 5)]
    assert again.dead_letters() == letters
    assert again.dead_letters(after=2) == letters[1:]
    assert again.stats().dead_letters == 2
    assert good.seq == 1


async def test_a_replayed_dead_letter_goes_to_the_end_of_the_log_and_is_none_any_more(
    open_log: OpenLog,
) -> None:
    log = open_log()
    await log.append(rows(b"bad}", b"good}"))
    bad, good = read(log, 0, 2)
    log.dead_letter(bad, "why")
    log.commit(2)
    assert log.replay(bad.seq) == 3
    assert log.replay(bad.seq) is None and log.replay(good.seq) is None
    assert log.wait_for(2, 0) is True
    log.close()
    again = open_log()
    assert again.dead_letters() == []
    assert read(again, 2, 9) == [Record(3, bad.table, bad.project_id, bad.row)]
    assert await first(again, rows(b"next}")) == 4


async def test_a_dropped_dead_letter_is_gone(open_log: OpenLog) -> None:
    log = open_log()
    await log.append(rows(b"bad}"))
    log.dead_letter(read(log, 0, 1)[0], "why")
    assert [log.drop(seq) for seq in (1, 1, 7)] == [True, False, False]
    log.close()
    assert open_log().dead_letters() == []


async def test_waiting_ends_with_an_append_and_with_its_time(log: DurableLog) -> None:
    assert log.wait_for(0, 0.01) is False
    waiting = asyncio.create_task(asyncio.to_thread(log.wait_for, 0, 30.0))
    await log.append(rows(b"}"))
    assert await waiting is True


async def test_a_scan_sees_rows_projects_and_dead_letters(log: DurableLog) -> None:
    marker = b"mark_abcdefghij0123456789"
    await log.append(
        [
            *rows(b'"m":"' + marker + b'"}', b"other}"),
            *rows(b"}", table=Table.PEOPLE, project=marker.decode()),
        ]
    )
    examined, hits = log.scan(marker)
    assert hits == 2
    assert examined >= 3
    log.dead_letter(read(log, 0, 1)[0], "why")
    log.commit(3)
    assert log.scan(marker)[1] == 1


async def test_a_failed_commit_fails_all_who_wait_and_the_next_one_goes_on(
    log: DurableLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(log, LmdbLog | JetStreamLog)
    store, failing = log._committer._store, threading.Event()
    failing.set()

    def broken(batch: list[Append]) -> list[Outcome]:
        if failing.is_set():
            raise LogFailed
        return store(batch)

    monkeypatch.setattr(log._committer, "_store", broken)
    results = await asyncio.gather(*[log.append(rows(b"}")) for _ in range(5)], return_exceptions=True)
    assert [type(result) for result in results] == [LogFailed] * 5
    failing.clear()
    assert await first(log, rows(b"}")) == 1


async def test_a_closed_log_acknowledges_nothing(log: DurableLog) -> None:
    log.close()
    with pytest.raises(LogFailed):
        await log.append(rows(b"}"))


def test_a_killed_process_loses_no_acknowledged_append(open_log: OpenLog, place: LogPlace) -> None:
    acknowledged, log_ids = 0, set()
    for kill_after in (5, 60):
        with subprocess.Popen(
            [sys.executable, str(CHILD), place.argument], stdout=subprocess.PIPE, text=True
        ) as child:
            assert child.stdout is not None
            for _ in range(kill_after):
                line = child.stdout.readline()
            child.kill()
            tail = (line + child.stdout.read()).rpartition("\n")[0]
        log_id, last = tail.splitlines()[-1].split()
        log_ids.add(log_id)
        acknowledged = int(last)
        log = open_log()
        found = [record.seq for record in read(log, 0, 100_000)]
        assert found == list(range(1, len(found) + 1))
        assert len(found) >= acknowledged > 0
        assert len(found) % 3 == 0
        log.close()
    assert len(log_ids) == 1

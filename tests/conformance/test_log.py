"""What every durable log does, whatever it is built on."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from storage.log import DurableLog, Entry, LogFailed, LogFull, Record, Table
from storage.log.lmdb import LmdbLog

pytestmark = [pytest.mark.disk]

OpenLog = Callable[..., DurableLog]
CHILD = Path(__file__).parent / "log_child.py"


@pytest.fixture(params=["lmdb"])
def open_log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OpenLog]:
    """Opens the same log each time: call it again after a close."""
    opened: list[DurableLog] = []

    def opener(max_bytes: int = 64 << 20) -> DurableLog:
        opened.append(LmdbLog.open(tmp_path / "log", max_bytes=max_bytes))
        return opened[-1]

    yield opener
    for log in opened:
        log.close()


@pytest.fixture
def log(open_log: OpenLog) -> DurableLog:
    return open_log()


def rows(*bodies: bytes, table: Table = Table.EVENTS, project: str = "proj_a") -> list[Entry]:
    return [Entry(table, project, body) for body in bodies]


async def test_records_come_back_in_order_with_every_byte(log: DurableLog) -> None:
    odd = '"t":"ü\u2028😀",\n "n":9007199254740993}'.encode()
    assert await log.append(rows(b'"a":1}', odd)) == 1
    assert await log.append(rows(b"", table=Table.ALIASES, project="proj_ü")) == 3
    assert log.read(0, 10) == [
        Record(1, Table.EVENTS, "proj_a", b'"a":1}'),
        Record(2, Table.EVENTS, "proj_a", odd),
        Record(3, Table.ALIASES, "proj_ü", b""),
    ]
    assert [record.seq for record in log.read(1, 1)] == [2]
    assert log.read(3, 10) == []


async def test_appends_of_many_callers_get_distinct_ranges_without_gaps(log: DurableLog) -> None:
    firsts = await asyncio.gather(*[log.append(rows(*[b"%d}" % caller] * 3)) for caller in range(200)])
    assert sorted(firsts) == list(range(1, 600, 3))
    by_seq = {record.seq: record.row for record in log.read(0, 1000)}
    for caller, first in enumerate(firsts):
        assert [by_seq[first + at] for at in range(3)] == [b"%d}" % caller] * 3


async def test_appends_that_arrive_together_share_a_commit(
    log: DurableLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(log, LmdbLog)
    commits: list[int] = []
    store = log._committer._store

    def counted(batch: list[Sequence[Entry]]) -> list[int | Exception]:
        commits.append(len(batch))
        return store(batch)

    monkeypatch.setattr(log._committer, "_store", counted)
    await asyncio.gather(*[log.append(rows(b"}")) for _ in range(300)])
    assert sum(commits) == 300
    assert len(commits) < 30


async def test_an_append_of_nothing_is_a_mistake(log: DurableLog) -> None:
    with pytest.raises(ValueError, match="at least one"):
        await log.append([])


async def test_a_cancelled_append_does_not_disturb_the_others(log: DurableLog) -> None:
    doomed = asyncio.create_task(log.append(rows(b"1}")))
    other = asyncio.create_task(log.append(rows(b"2}")))
    await asyncio.sleep(0)
    doomed.cancel()
    first = await other
    assert log.read(first - 1, 1)[0].row == b"2}"


async def test_over_its_bound_a_log_refuses_whole_appends_and_recovers_after_a_commit(
    open_log: OpenLog,
) -> None:
    log = open_log(max_bytes=2 << 20)
    frame = rows(*[b"x" * 1000] * 100)
    stored = 0
    with pytest.raises(LogFull):
        while True:
            await log.append(frame)
            stored += 100
    stats = log.stats()
    assert stats.appended == stored == len(log.read(0, 10_000))
    assert 0 < stats.used_bytes <= stats.bound_bytes < 2 << 20
    log.commit(stored)
    assert log.stats().lag == 0
    assert await log.append(frame) == stored + 1


async def test_a_full_log_goes_on_for_ever_at_the_speed_of_its_writer(open_log: OpenLog) -> None:
    log = open_log(max_bytes=2 << 20)
    for size in (100, 900, 3000, 9000) * 20:
        entries = rows(*[b"x" * size] * (300_000 // size))
        first = await log.append(entries)
        log.commit(first + len(entries) - 1)
    assert log.stats().lag == 0


async def test_one_append_over_the_bound_does_not_fail_its_neighbours(open_log: OpenLog) -> None:
    log = open_log(max_bytes=1 << 20)
    huge, small = log.append(rows(b"x" * (2 << 20))), log.append(rows(b"y}"))
    refused, seq = await asyncio.gather(huge, small, return_exceptions=True)
    assert isinstance(refused, LogFull)
    assert seq == 1
    assert [record.row for record in log.read(0, 9)] == [b"y}"]


async def test_the_cursor_the_id_and_the_rows_survive_a_restart(open_log: OpenLog) -> None:
    log = open_log()
    await log.append(rows(*[b"%d}" % n for n in range(10)]))
    log.commit(7)
    log.close()
    again = open_log()
    assert (again.log_id, again.cursor()) == (log.log_id, 7)
    assert [record.seq for record in again.read(0, 100)] == [8, 9, 10]


async def test_a_number_is_never_used_twice_even_when_the_log_is_empty(open_log: OpenLog) -> None:
    log = open_log()
    await log.append(rows(b"1}", b"2}"))
    log.commit(2)
    log.close()
    assert await open_log().append(rows(b"3}")) == 3


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
    assert [record.seq for record in log.read(0, 1)] == [8501]


async def test_dead_letters_stay_once_each_with_reason_and_row(open_log: OpenLog) -> None:
    log = open_log()
    await log.append(rows(b"good}", b"bad}", b"worse}"))
    good, bad, worse = log.read(0, 3)
    for record, reason in (
        (worse, "INCORRECT_DATA"),
        (bad, "CANNOT_PARSE_NUMBER"),
        (bad, "CANNOT_PARSE_NUMBER"),
    ):
        log.dead_letter(record, reason)
    log.commit(3)
    log.close()
    again = open_log()
    assert again.dead_letters() == [(bad, "CANNOT_PARSE_NUMBER"), (worse, "INCORRECT_DATA")]
    assert again.dead_letters(after=2) == [(worse, "INCORRECT_DATA")]
    assert again.stats().dead_letters == 2
    assert good.seq == 1


async def test_waiting_ends_with_an_append_and_with_its_time(log: DurableLog) -> None:
    assert log.wait_for(0, 0.01) is False
    waiting = asyncio.create_task(asyncio.to_thread(log.wait_for, 0, 30.0))
    await log.append(rows(b"}"))
    assert await waiting is True


async def test_a_scan_sees_rows_projects_and_dead_letters(log: DurableLog) -> None:
    marker = b"mark_abcdefghij0123456789"
    await log.append(
        [*rows(b'"m":"' + marker + b'"}', b"other}"), Entry(Table.PEOPLE, marker.decode(), b"}")]
    )
    examined, hits = log.scan(marker)
    assert hits == 2
    assert examined >= 3
    first = log.read(0, 1)[0]
    log.dead_letter(first, "why")
    log.commit(3)
    assert log.scan(marker)[1] == 1


async def test_a_failed_commit_fails_all_who_wait_and_the_next_one_goes_on(
    log: DurableLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(log, LmdbLog)
    store, failing = log._committer._store, threading.Event()
    failing.set()

    def broken(batch: list[Sequence[Entry]]) -> list[int | Exception]:
        if failing.is_set():
            raise LogFailed
        return store(batch)

    monkeypatch.setattr(log._committer, "_store", broken)
    results = await asyncio.gather(*[log.append(rows(b"}")) for _ in range(5)], return_exceptions=True)
    assert [type(result) for result in results] == [LogFailed] * 5
    failing.clear()
    assert await log.append(rows(b"}")) == 1


async def test_a_closed_log_acknowledges_nothing(log: DurableLog) -> None:
    log.close()
    with pytest.raises(LogFailed):
        await log.append(rows(b"}"))


def test_a_killed_process_loses_no_acknowledged_append(open_log: OpenLog, tmp_path: Path) -> None:
    acknowledged, log_ids = 0, set()
    for kill_after in (5, 60):
        with subprocess.Popen(
            [sys.executable, str(CHILD), str(tmp_path / "log")], stdout=subprocess.PIPE, text=True
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
        found = [record.seq for record in log.read(0, 100_000)]
        assert found == list(range(1, len(found) + 1))
        assert len(found) >= acknowledged > 0
        assert len(found) % 3 == 0
        log.close()
    assert len(log_ids) == 1

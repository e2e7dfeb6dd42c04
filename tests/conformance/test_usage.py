"""What a log counts with its rows: once, exactly, whatever comes between. On every backend."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from storage.log import Append, Counted, DurableLog, LogFull, Once, Rows, Table
from storage.log.blocks import records
from storage.log.usage import Usage, oldest_kept
from tests.support.logs import LogPlace

pytestmark = [pytest.mark.disk]

CHILD = Path(__file__).parent / "usage_child.py"
OpenLog = Callable[..., DurableLog]
NOVEMBER = 202611
NOW_MS = 1_795_000_000_000
"""In November 2026."""


@pytest.fixture
def open_log(place: LogPlace) -> Iterator[OpenLog]:
    opened: list[DurableLog] = []

    def opener(max_bytes: int = 64 << 20, **options: Any) -> DurableLog:
        for log in opened:
            log.close()
        opened.append(place.open(max_bytes, **{"now_ms": lambda: NOW_MS} | options))
        return opened[-1]

    yield opener
    for log in opened:
        log.close()


def append(
    events: int = 1,
    *,
    project_id: str = "proj_1",
    month: int = NOVEMBER,
    ids: tuple[str, ...] = (),
    once: Once | None = None,
    size: int = 10,
) -> Append:
    rows = [b'"id":"%d"' % at + b"x" * size + b"}" for at in range(events)]
    counted = Counted(project_id, month, events, ids)
    return Append([Rows(Table.EVENTS, project_id, rows)], once, counted)


async def totals(log: DurableLog, *appends: Append) -> dict[str, int]:
    await log.append(appends)
    return dict(log.usage[NOVEMBER])


async def test_events_are_counted_by_project_and_month_and_are_there_after_a_restart(
    open_log: OpenLog,
) -> None:
    log = open_log()
    await log.append([append(3), append(2, project_id="proj_2"), append(5, month=202610)])
    await log.append([append(4), Append([Rows(Table.PEOPLE, "proj_1", [b'"id":"p"}'])])])
    said = {202610: {"proj_1": 5}, NOVEMBER: {"proj_1": 7, "proj_2": 2}}
    assert log.usage == said
    assert open_log().usage == said


async def test_what_the_writer_has_taken_away_stays_counted(open_log: OpenLog) -> None:
    log = open_log()
    await log.append([append(3)])
    await log.append([append(2, project_id="proj_2")])
    log.commit(4)
    assert open_log().usage == {NOVEMBER: {"proj_1": 3, "proj_2": 2}}
    log = open_log()
    assert await totals(log, append(10)) == {"proj_1": 13, "proj_2": 2}
    log.commit(log.stats().appended)
    log = open_log()
    assert log.usage == {NOVEMBER: {"proj_1": 13, "proj_2": 2}}
    assert log.read(0, 100) == []


async def test_a_repetition_under_an_idempotency_key_is_not_counted_again(open_log: OpenLog) -> None:
    log = open_log()
    once = Once(b"k" * 32, b"d" * 32)
    assert await totals(log, append(3, once=once), append(3, once=once)) == {"proj_1": 3}
    assert await totals(open_log(), append(3, once=once)) == {"proj_1": 3}


async def test_a_key_that_is_used_with_another_body_counts_nothing(open_log: OpenLog) -> None:
    log = open_log()
    other = append(8, once=Once(b"k" * 32, b"e" * 32))
    assert await totals(log, append(3, once=Once(b"k" * 32, b"d" * 32)), other) == {"proj_1": 3}


async def test_an_event_with_an_id_of_the_clients_is_counted_once(open_log: OpenLog) -> None:
    """In one commit, in the next, after a restart with the rows still there, and beside others."""
    log = open_log()
    first, second = "a" * 10, "b" * 10
    assert await totals(log, append(ids=(first,)), append(ids=(first,))) == {"proj_1": 1}
    assert await totals(log, append(ids=(first,))) == {"proj_1": 1}
    log = open_log()
    assert await totals(log, append(3, ids=(first, second))) == {"proj_1": 3}
    assert await totals(log, append(2, ids=(second, second))) == {"proj_1": 3}


async def test_what_is_refused_is_not_counted(open_log: OpenLog) -> None:
    log = open_log(max_bytes=1 << 20)
    outcomes = await log.append([append(size=4 << 20, ids=("c" * 10,)), append(2)])
    assert isinstance(outcomes[0], LogFull)
    assert log.usage == {NOVEMBER: {"proj_1": 2}}
    assert await totals(log, append(ids=("c" * 10,))) == {"proj_1": 3}


async def test_a_dead_letter_that_is_replayed_is_not_counted_again(open_log: OpenLog) -> None:
    log = open_log()
    await log.append([append(2)])
    (block,) = log.read(0, 10)

    letter = next(records([block]))
    log.dead_letter(letter, "why")
    log.commit(2)
    assert log.replay(letter.seq) == 3
    assert open_log().usage == {NOVEMBER: {"proj_1": 2}}


async def test_many_commits_at_once_are_all_counted(open_log: OpenLog) -> None:
    log = open_log()
    work = [log.append([append(2, project_id=f"proj_{number % 7}")]) for number in range(140)]
    await asyncio.gather(*work)
    said = {f"proj_{number}": 40 for number in range(7)}
    assert log.usage[NOVEMBER] == said
    log.commit(101)
    assert open_log().usage[NOVEMBER] == said


async def test_months_that_are_over_for_long_are_forgotten_at_a_start(open_log: OpenLog) -> None:
    log = open_log()
    await log.append([append(month=month) for month in (202508, 202608, 202609, NOVEMBER)])
    log.commit(log.stats().appended)
    assert open_log().usage.keys() == {202609, NOVEMBER}


def test_three_months_are_kept_over_the_turn_of_a_year() -> None:
    assert [oldest_kept(month) for month in (202611, 202602, 202601, 202512)] == [
        202609,
        202512,
        202511,
        202510,
    ]


def test_ids_are_remembered_for_as_many_as_were_promised_and_then_forgotten() -> None:
    usage = Usage(most_ids=100)
    for number in range(1000):
        usage.apply(usage.added([append(ids=(f"{number:010}",))]))
    again = usage.added([append(ids=(f"{number:010}",)) for number in range(1000)])
    forgotten = again.events[NOVEMBER, "proj_1"]
    assert 900 <= forgotten <= 950
    assert set(again.ids) == {f"{number:010}" for number in range(forgotten)}


def killed(arguments: list[str], kill_after: int) -> str:
    """Runs a process, kills it after so many lines; the last one that it said."""
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        for _ in range(kill_after):
            line = child.stdout.readline()
        child.kill()
        return (line + child.stdout.read()).rpartition("\n")[0].splitlines()[-1]


async def test_the_count_is_exact_after_every_kill(open_log: OpenLog, place: LogPlace) -> None:
    """Killed at any moment: what is on disk is counted, once, and a repetition of it is known again."""
    rows = events = 0
    for number, kill_after in enumerate((1, 7, 20, 43)):
        arguments = [sys.executable, str(CHILD), place.argument, f"{number:02}"]
        acknowledged = await asyncio.to_thread(killed, arguments, kill_after)
        log = open_log()
        more = log.stats().appended - rows
        rows += more
        events += more // 5 * 4 + min(more % 5, 4)
        assert log.usage == {NOVEMBER: {"proj_a": events}}
        assert await totals(log, append(project_id="proj_a", ids=(acknowledged,))) == {"proj_a": events}
        rows += 1
        log.close()

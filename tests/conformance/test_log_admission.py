"""Who may still append while the log fills, and when the others are asked to come again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from mesh.errors import SankofaError, Unavailable
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.ingest.admission import LogAdmission
from storage.log import Append, Once, Outcome, Rows, Table
from storage.log.lmdb import LmdbLog

pytestmark = [pytest.mark.disk]

BOUND = 8 << 20
ROW = b"x" * 40_000


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def log(tmp_path: Path) -> Iterator[LmdbLog]:
    opened = LmdbLog.open(tmp_path / "log", max_bytes=int(BOUND / 0.8))
    yield opened
    opened.close()


def admission_of(log: LmdbLog, clock: Clock | None = None) -> LogAdmission:
    return LogAdmission(log=log, project_share=0.8, clock=clock or Clock())


def rows(project: str, count: int = 1, once: Once | None = None) -> Append:
    return Append([Rows(Table.EVENTS, project, [ROW] * count)], once)


def refusal(outcome: Outcome) -> str:
    assert isinstance(outcome, SankofaError)
    return ErrorReason.Name(outcome.reason).removeprefix("ERROR_REASON_")


async def fill(admission: LogAdmission, project: str) -> int:
    """Appends until it is refused; bytes of rows that were taken."""
    taken = 0
    while True:
        (outcome,) = await admission.append([rows(project)])
        if not isinstance(outcome, int):
            return taken
        taken += len(ROW)
        await admission.look()


async def drain(log: LmdbLog, admission: LogAdmission, count: int) -> None:
    """Stores the next rows, as the writer does."""
    blocks = log.read(log.cursor(), count)
    log.commit(blocks[-1].last)
    await asyncio.to_thread(admission.stored, blocks)
    await asyncio.sleep(0)


async def test_a_noisy_project_leaves_room_in_the_log_for_a_quiet_one(log: LmdbLog) -> None:
    admission = admission_of(log)
    taken = await fill(admission, "noisy")
    assert 0.6 * BOUND < taken <= 0.8 * BOUND
    (again, quiet) = await admission.append([rows("noisy"), rows("quiet")])
    assert refusal(again) == "PROJECT_SHARE"
    assert isinstance(quiet, int)
    assert admission.gauges()["ingest_refused_project_share"] == 2
    assert log.stats().used_bytes <= BOUND


async def test_what_is_stored_makes_room_for_its_project_again(log: LmdbLog) -> None:
    admission = admission_of(log)
    await fill(admission, "noisy")
    while log.stats().lag:
        await drain(log, admission, 20)
    await admission.look()
    assert admission.gauges()["log_waiting_projects"] == 0
    (outcome,) = await admission.append([rows("noisy")])
    assert isinstance(outcome, int)


async def test_one_frame_is_admitted_append_by_append(log: LmdbLog) -> None:
    admission = admission_of(log)
    outcomes = await admission.append([rows("noisy") for _ in range(300)])
    taken = [outcome for outcome in outcomes if isinstance(outcome, int)]
    assert 0.5 * BOUND < len(taken) * len(ROW) <= 0.8 * BOUND
    assert {refusal(outcome) for outcome in outcomes[len(taken) :]} == {"PROJECT_SHARE"}
    assert log.stats().appended == len(taken)


async def test_a_repetition_holds_nothing_of_its_projects_share(log: LmdbLog) -> None:
    admission, once = admission_of(log), Once(b"k" * 32, b"d" * 32)
    first, same = await admission.append([rows("proj_a", 10, once), rows("proj_a", 10, once)])
    (later,) = await admission.append([rows("proj_a", 10, once)])
    assert first == same == later
    assert admission.gauges()["log_largest_share_bytes"] == 10 * len(ROW)
    (reused,) = await admission.append([rows("proj_a", 5, Once(b"k" * 32, b"e" * 32))])
    assert refusal(reused) == "IDEMPOTENCY_KEY_REUSED"
    assert admission.gauges()["log_largest_share_bytes"] == 10 * len(ROW)


async def test_what_is_larger_than_the_room_left_is_refused_whole_and_the_rest_taken(log: LmdbLog) -> None:
    admission = admission_of(log)
    large, small = await admission.append([rows("proj_a", 300), rows("proj_a")])
    assert refusal(large) == "LOG_FULL"
    assert isinstance(small, int)
    assert log.stats().appended == 1


async def test_a_restarted_cell_counts_what_waits_as_used_and_as_nobodys(log: LmdbLog) -> None:
    await fill(admission_of(log), "noisy")
    admission = admission_of(log)
    assert await fill(admission, "noisy") < 0.25 * BOUND
    (quiet,) = await admission.append([rows("quiet")])
    assert isinstance(quiet, int)
    while log.stats().lag:
        await drain(log, admission, 20)
    await admission.look()
    assert admission.gauges()["log_waiting_projects"] == 0


async def test_when_to_come_again_follows_the_rate_at_which_the_writer_stores(log: LmdbLog) -> None:
    clock = Clock()
    admission = admission_of(log, clock)
    await fill(admission, "noisy")
    waits: dict[int, int] = {}
    for rows_a_second in (20, 1):
        for _ in range(20):
            clock.now_s += 1
            await drain(log, admission, rows_a_second)
            await fill(admission, "noisy")
            await admission.look()
        (refused,) = await admission.append([rows("noisy", 20)])
        assert isinstance(refused, Unavailable)
        waits[rows_a_second] = refused.retry_after_s
    for _ in range(60):
        clock.now_s += 1
        await admission.look()
    (refused,) = await admission.append([rows("noisy")])
    assert isinstance(refused, Unavailable)
    assert 1 <= waits[20] < waits[1] < 60 == refused.retry_after_s

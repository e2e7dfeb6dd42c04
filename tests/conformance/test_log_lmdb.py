"""What only the log in LMDB has: a file, the traces in it, and kernel calls to be killed at."""

from __future__ import annotations

import hashlib
import itertools
import random
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import lmdb
import pytest

from storage.analytics.tables import TABLES
from storage.log import Append, DeadLetter, LogFailed, LogFull, Once, Record, Rows, Table
from storage.log.blocks import records
from storage.log.lmdb import LmdbLog
from tests.support.old_logs import write_format_1
from tests.support.strace import run_traced

pytestmark = [pytest.mark.disk]

CHILD = Path(__file__).parent / "log_lmdb_child.py"
ERASED, KEPT = b"mark_erased", b"mark_kept"


def traces(folder: Path, mark: bytes) -> int:
    return (folder / "data.mdb").read_bytes().count(mark)


async def put(log: LmdbLog, mark: bytes, times: int, rows: int = 1) -> int:
    """Appends rows that are nothing but a mark; the last one's seq."""
    row = b'"m":"' + mark * times + b'"}'
    (outcome,) = await log.append([Append([Rows(Table.EVENTS, "proj_a", [row] * rows)])])
    assert isinstance(outcome, int)
    return outcome + rows - 1


@pytest.mark.parametrize("seed", range(3))
async def test_after_a_shred_no_byte_of_what_was_deleted_is_in_the_file(tmp_path: Path, seed: int) -> None:
    """Rows of all sizes, deleted whole blocks and in the middle of a page, beside rows that stay."""
    chance = random.Random(seed)
    log = LmdbLog.open(tmp_path, max_bytes=64 << 20)
    for _ in range(40):
        last = await put(log, ERASED, chance.choice([1, 10, 300, 6000]), chance.choice([1, 3, 50]))
        if chance.random() < 0.3:
            log.commit(last)
    await put(log, KEPT, 1, 2)
    log.dead_letter(next(records(log.read(log.cursor(), 1))), "why")
    log.commit(last)
    assert traces(tmp_path, ERASED) > 1000
    log.shred()
    assert traces(tmp_path, ERASED) > 1000, "nobody asked for it"
    for letter in log.dead_letters():
        log.drop(letter.record.seq)
    log.commit(last, erased=True)
    log.close()
    log = LmdbLog.open(tmp_path, max_bytes=64 << 20)
    log.shred()
    assert traces(tmp_path, ERASED) == 0
    assert traces(tmp_path, KEPT) == 2 == len(log_records(log))
    log.close()


def log_records(log: LmdbLog) -> list[bytes]:
    return [bytes(row) for block in log.read(log.cursor(), 1 << 20) for row in block.rows]


async def test_a_full_log_replays_a_dead_letter_into_the_room_that_it_leaves(tmp_path: Path) -> None:
    log = LmdbLog.open(tmp_path, max_bytes=1 << 20)
    await put(log, KEPT, 6000)
    log.dead_letter(next(records(log.read(0, 1))), "why")
    stored = 1
    while not isinstance(
        (await log.append([Append([Rows(Table.EVENTS, "proj_a", [b"y" * 9000])])]))[0], LogFull
    ):
        stored += 1
    assert log.replay(1) == stored + 1
    assert log.dead_letters() == []
    log.close()


def killed_at_each(prepared: Path, action: str, call: str, scratch: Path) -> Iterator[Path]:
    """Copies of a log whose process was killed at its first such call, its second, and so on to its last."""
    for nth in itertools.count(1):
        folder = scratch / f"{call}-{nth}"
        shutil.copytree(prepared, folder)
        trace, inject = scratch / "trace", f"inject={call}:signal=KILL:when={nth}"
        command = [sys.executable, str(CHILD), str(folder), action]
        killed = run_traced(trace, command, "-e", inject, "-P", str(folder / "data.mdb"), calls=call)
        if killed.returncode == 0:
            assert nth > 2, "it was killed before and in what it did"
            return
        assert killed.returncode == -9, killed.stderr
        yield folder


@pytest.mark.parametrize("call", ["fdatasync", "pwrite64"])
async def test_killed_in_a_replay_the_row_is_in_the_log_or_a_dead_letter_and_never_both(
    tmp_path: Path, call: str
) -> None:
    log = LmdbLog.open(tmp_path / "log")
    await put(log, KEPT, 1)
    log.dead_letter(next(records(log.read(0, 1))), "why")
    log.commit(1)
    log.close()
    for folder in killed_at_each(tmp_path / "log", "replay", call, tmp_path):
        log = LmdbLog.open(folder)
        assert (len(log_records(log)), len(log.dead_letters())) in ((1, 0), (0, 1))
        log.replay(1)
        assert (len(log_records(log)), len(log.dead_letters())) == (1, 0)
        log.close()


def before_the_upgrade(folder: Path) -> list[Record]:
    """A log of format 1, cursor at 100, whose last deletion a kill had cut off; what it holds, in order."""
    tables, held = tuple(TABLES), []
    for seq in range(100, 5301):
        row = b'"n":%d,"x":"%b"}' % (seq, b"x" * (seq % 400))
        held.append(Record(seq, tables[seq % 7 % 3], f"proj_{seq % 5}", row))
    write_format_1(folder, log_id="log_of_0.1.0", cursor=100, held=held, dead=[held[0], held[3]])
    return held


def everything(log: LmdbLog) -> list[Record]:
    found: list[Record] = []
    while blocks := log.read(found[-1].seq if found else log.cursor(), 1000):
        found += records(blocks)
    return found


async def test_a_log_of_the_format_before_is_read_as_it_was_written(tmp_path: Path) -> None:
    before = before_the_upgrade(tmp_path)
    for _ in range(2):
        log = LmdbLog.open(tmp_path, max_bytes=64 << 20)
        assert (log.log_id, log.cursor(), log.stats().appended) == ("log_of_0.1.0", 100, 5300)
        assert everything(log) == before[1:]
        assert log.dead_letters() == [DeadLetter(before[0], "why", 0), DeadLetter(before[3], "why", 0)]
        log.close()
    log = LmdbLog.open(tmp_path, max_bytes=64 << 20)
    assert await put(log, KEPT, 1) == 5301
    log.commit(5301)
    log.close()


def test_killed_in_any_transaction_of_the_conversion_the_next_opening_goes_on(tmp_path: Path) -> None:
    before = before_the_upgrade(tmp_path / "log")
    kills = 0
    for folder in killed_at_each(tmp_path / "log", "open", "fdatasync", tmp_path):
        log = LmdbLog.open(folder, max_bytes=64 << 20)
        assert (log.log_id, log.cursor()) == ("log_of_0.1.0", 100)
        assert everything(log) == before[1:]
        assert len(log.dead_letters()) == 2
        log.close()
        kills += 1
    assert kills >= 4, "three transactions move the rows, one says that it is done"


def test_a_log_of_a_newer_format_is_not_opened(tmp_path: Path) -> None:
    with lmdb.open(str(tmp_path), map_size=1 << 20, max_dbs=3) as env:
        meta = env.open_db(b"meta")
        with env.begin(db=meta, write=True) as txn:
            txn.put(b"format", b"3")
    with pytest.raises(LogFailed, match="format 3"):
        LmdbLog.open(tmp_path, max_bytes=1 << 20)


async def test_keys_leave_room_for_rows_and_the_newest_are_remembered(tmp_path: Path) -> None:
    """Four times as many keys as fill the log by themselves, within their day and with no row waiting."""
    log = LmdbLog.open(tmp_path, max_bytes=4 << 20)
    sizes, last = [], 0
    for batch in range(100):
        appends = [keyed(number) for number in range(batch * 500, batch * 500 + 500)]
        outcomes = await log.append(appends)
        assert all(isinstance(outcome, int) and outcome > last for outcome in outcomes)
        last = max(outcome for outcome in outcomes if isinstance(outcome, int))
        log.commit(last)
        sizes.append(log.stats().used_bytes)
    assert max(sizes) < 0.5 * log.stats().bound_bytes
    assert await log.append([keyed(49_999)]) == [last], "it is remembered"
    (again,) = await log.append([keyed(0)])
    assert again == last + 1, "it was forgotten, and is taken again"
    log.close()


def keyed(number: int) -> Append:
    once = Once(hashlib.sha256(b"%d" % number).digest(), hashlib.sha256(b"body").digest())
    return Append([Rows(Table.EVENTS, "proj_a", [b'"n":%d}' % number])], once)


async def test_a_map_that_is_full_in_spite_of_the_bound_refuses_and_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.log.lmdb.FILL", 10.0)
    log = LmdbLog.open(tmp_path, max_bytes=1 << 20)
    last = 0
    with pytest.raises(LogFull):
        while True:
            last = await put(log, KEPT, 5000)
    assert log.stats().appended == last == len(log_records(log))
    log.close()
    with pytest.raises(LogFailed):
        log.commit(last)


async def test_a_shred_goes_through_more_than_one_step_of_what_lives(tmp_path: Path) -> None:
    log = LmdbLog.open(tmp_path, max_bytes=4 << 20)
    for _ in range(20):
        await put(log, ERASED, 1, 100)
        last = await put(log, KEPT, 5000)
    log.commit(1, erased=True)
    before = log_records(log)
    log.shred()
    assert log_records(log) == before and len(before) == last - 1
    log.close()

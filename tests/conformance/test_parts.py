"""Parts that the engine has published, and whose files were not written: found, left out, made good."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from services.ingest.writer import Writer
from storage.analytics.engine import ROOM_BYTES, Engine
from storage.analytics.errors import StoreUnavailable
from storage.analytics.guard import StoreGuard
from storage.analytics.parts import DAMAGED, Parts
from storage.analytics.readback import ReadBackSink
from storage.log import Append, Block, Table
from storage.log.lmdb import LmdbLog
from tests.conformance.writer_child import REGION, entries_of
from tests.support.engines import BACKENDS, open_engine
from tests.support.strace import run_traced
from tests.support.writer_rows import PATIENCE

pytestmark = [pytest.mark.disk]

CHILD = Path(__file__).parent / "writer_child.py"
PART = re.compile(r"(\d{6})_(\d+)_(\d+)_(\d+)")
DEADLINE_S = 30.0


@pytest.fixture(params=BACKENDS)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An engine of the test's own: it breaks it."""
    with open_engine(request.param, tmp_path / "store", None) as opened:
        yield opened


def parts_of_events(folder: Path) -> dict[str, Path]:
    """The folders of the parts of `events`, the only table with partitions by month and such rows."""
    return {path.name: path for path in folder.rglob("*_*_*_*") if PART.fullmatch(path.name)}


def events(first: int, count: int) -> list[Block]:
    rows = [entries_of(1, number * 6 + 1) for number in range(first, first + count)]
    return [Block(at, Table.EVENTS, row[0].project_id, row[0].rows) for at, row in enumerate(rows, first)]


def empty(part: Path) -> None:
    """What a full disk leaves of a part whose last writes failed: its files, without a byte."""
    for file in part.iterdir():
        file.write_bytes(b"")


async def seqs(engine: Engine) -> list[int]:
    return [row[0] for row in await engine.query("SELECT log_seq FROM events ORDER BY log_seq")]


async def test_an_insert_whose_part_is_not_on_disk_is_found_and_its_rows_are_missing(
    engine: Engine, tmp_path: Path
) -> None:
    handle = engine.writer()
    sink, parts = ReadBackSink(handle=handle, log_id="log_a"), Parts(session=handle)
    sink.insert(Table.EVENTS, events(10, 5))
    parts.verify("events")
    before = parts_of_events(tmp_path)
    handle.command("SYSTEM STOP MERGES events")
    late = events(20, 5)
    # Past the sink's own look, as if the disk had filled during the insert.
    lines = [b'{"log_id":"log_a","log_seq":%d,%b\n' % (one.seq, one.rows[0]) for one in late]
    handle.insert("events", b"".join(lines))
    (damaged,) = parts_of_events(tmp_path).keys() - before.keys()
    empty(parts_of_events(tmp_path)[damaged])
    with pytest.raises(StoreUnavailable) as raised:
        parts.verify("events")
    assert raised.value.cause == DAMAGED
    assert sink.missing(Table.EVENTS, late) == late
    sink.insert(Table.EVENTS, late)
    assert await seqs(engine) == [*range(10, 15), *range(20, 25)]


async def test_a_merge_whose_part_is_not_on_disk_gives_its_sources_back(
    engine: Engine, tmp_path: Path
) -> None:
    handle = engine.writer()
    sink = ReadBackSink(handle=handle, log_id="log_a")
    for first in (10, 20, 30):
        sink.insert(Table.EVENTS, events(first, 5))
    handle.command("OPTIMIZE TABLE events FINAL")
    merged = max(parts_of_events(tmp_path).values(), key=lambda path: int(path.name.split("_")[3]))
    assert int(merged.name.split("_")[3]) > 0
    empty(merged)
    with pytest.raises(StoreUnavailable):
        sink.verify()
    sink.verify()
    assert await seqs(engine) == [*range(10, 15), *range(20, 25), *range(30, 35)]


async def test_the_writer_looks_at_merges_by_itself(engine: Engine, tmp_path: Path) -> None:
    log = LmdbLog.open(tmp_path / "log", max_bytes=64 << 20)
    for first in range(3):
        await log.append([Append(entries_of(6, first * 6))])
        writer = a_writer(log, engine)
        assert writer.stop(PATIENCE)
    engine.writer().command("OPTIMIZE TABLE events FINAL")
    there = await seqs(engine)
    empty(max(parts_of_events(tmp_path / "store").values(), key=lambda path: int(path.name.split("_")[3])))
    writer = a_writer(log, engine, upkeep_every=timedelta())
    deadline = time.monotonic() + DEADLINE_S
    while not writer.stats().failures:
        assert time.monotonic() < deadline, "nothing was found"
        await asyncio.sleep(0.01)
    assert writer.stop(PATIENCE)
    assert writer.stats().last_error == DAMAGED
    assert there and await seqs(engine) == there
    log.close()


def a_writer(log: LmdbLog, engine: Engine, upkeep_every: timedelta = timedelta(hours=1)) -> Writer:
    guard = StoreGuard(REGION, lambda _: REGION)
    writer = Writer(log=log, engine=engine, guard=guard, linger=timedelta(), upkeep_every=upkeep_every)
    writer.start()
    return writer


def test_a_disk_that_fills_during_an_insert_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    """ENOSPC for every write to the next part's files: the engine says that it has stored the rows."""
    live(tmp_path, 50)
    some = next(iter(parts_of_events(tmp_path).values()))
    month = some.name.split("_")[0]
    inserted = some.parent / f"tmp_insert_{month}_1_1_0"  # each process begins at 1
    paths = [option for file in some.iterdir() for option in ("-P", str(inserted / file.name))]
    once = f"inject=write:error=ENOSPC:when=1..{len(paths) // 2}"
    traced = run_traced(tmp_path / "trace", command(tmp_path, 50), *paths, "-e", once, calls="write")
    assert traced.returncode == 0, traced.stderr
    assert "ENOSPC" in (tmp_path / "trace").read_text(), "nothing was injected"
    said = json.loads(live(tmp_path, 0).stdout.splitlines()[-1])
    found = sorted(seq for seqs in said["seqs"].values() for seq in seqs)
    assert found == [seq for seq in range(1, 101) if (seq - 1) % 50 != 7]


def command(folder: Path, count: int) -> list[str]:
    return [sys.executable, str(CHILD), str(folder), "", "1", str(count)]


def live(folder: Path, count: int) -> subprocess.CompletedProcess[str]:
    ended = subprocess.run(command(folder, count), capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended


def test_no_table_is_made_on_a_disk_that_is_nearly_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = shutil.disk_usage(tmp_path)._replace(free=ROOM_BYTES - 1)
    with monkeypatch.context() as patched, pytest.raises(StoreUnavailable):
        patched.setattr(shutil, "disk_usage", lambda _: full)
        Engine.embedded(tmp_path / "chdb", region=REGION, max_memory_bytes=1 << 30)
    assert list((tmp_path / "chdb").iterdir()) == []
    Engine.embedded(tmp_path / "chdb", region=REGION, max_memory_bytes=1 << 30).close()

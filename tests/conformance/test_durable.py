"""What a 200 stands on: the system calls that return before anything is said, or forgotten."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from storage.analytics.engine import Engine
from storage.log.lmdb import LmdbLog
from tests.support.durability import log_defects, opened_dsync, part_defects, published, synced
from tests.support.strace import Call, read_trace, run_traced

pytestmark = [pytest.mark.disk]

CHILD = Path(__file__).parent / "durable_child.py"
MARKER = f"evt_{3:021}"
PARTITIONS = {"events": r"\d{6}", "people and aliases": "all"}
DURABLE = {
    "fsync_after_insert": "1",
    "fsync_part_directory": "1",
    "min_rows_to_fsync_after_merge": "1",
    "min_compressed_bytes_to_fsync_after_merge": "1",
    "old_parts_lifetime": "480",
    "non_replicated_deduplication_window": "0",
}
"""The last one is the default: a token is recorded before its part is published, and loses rows."""

Traced = tuple[Path, list[Call]]


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Traced]:
    """Runs the child once for each thing left out: its folder and all that it asked of the kernel."""
    known: dict[str, Traced] = {}

    def run(left_out: str) -> Traced:
        if left_out not in known:
            folder = tmp_path_factory.mktemp("traced")
            done = run_traced(folder / "trace", [sys.executable, str(CHILD), str(folder), left_out])
            assert done.returncode == 0, done.stderr
            known[left_out] = (folder, read_trace(folder / "trace"))
        return known[left_out]

    return run


def said(calls: list[Call], word: str) -> Call:
    (found,) = [call for call in calls if call.name == "write" and f'"{word}\\n"' in call.arguments]
    return found


def defects_of_the_log(run: Traced) -> list[str]:
    folder, calls = run
    data = str(folder / "log" / "data.mdb")
    answer, dsync = said(calls, "acknowledged"), opened_dsync(calls)
    return log_defects(calls, data=data, marker=MARKER, answer=answer, dsync=dsync)


def defects_of_the_store(run: Traced, partition: str) -> list[str]:
    _, calls = run
    answer, forgets = said(calls, "acknowledged"), said(calls, "committing")
    parts = [one for one in published(calls, partition) if answer.before(one[0])]
    assert parts and all(rename.before(forgets) for rename, _, _ in parts)
    return [defect for part in parts for defect in part_defects(calls, part, forgets=forgets)]


def test_a_row_is_on_disk_before_it_is_acknowledged(traced: Callable[[str], Traced]) -> None:
    assert defects_of_the_log(traced("")) == []


@pytest.mark.parametrize("partition", PARTITIONS.values(), ids=PARTITIONS.keys())
def test_an_insert_is_on_disk_before_the_log_forgets_its_rows(
    traced: Callable[[str], Traced], partition: str
) -> None:
    assert defects_of_the_store(traced(""), partition) == []


def test_names_of_new_files_are_on_disk_before_anything_is_promised(traced: Callable[[str], Traced]) -> None:
    """A file that is synced in a folder that is not may be gone after a power cut."""
    folder, calls = traced("")
    answer = said(calls, "acknowledged")
    opened = [call for call in calls if call.name == "openat" and "O_CREAT" in call.arguments]
    made = next(call for call in opened if "/log/data.mdb" in call.arguments)
    for place in (folder / "log", folder):
        assert synced(calls, str(place), after=made, before=answer)
    names = re.compile(r'/(?:events|people|aliases)\.sql"')
    tables = [call for call in calls if "rename" in call.name and names.search(call.arguments)]
    assert len(tables) >= 3
    for table in tables:
        database = Path(re.findall(r'"([^"]+)"', table.arguments)[1]).parent
        assert synced(calls, str(database), after=table, before=answer)


def test_the_same_judge_finds_a_log_that_is_not_synced(traced: Callable[[str], Traced]) -> None:
    assert defects_of_the_log(traced("log")) == ["the file was not synced between the row and the answer"]
    assert defects_of_the_store(traced("log"), PARTITIONS["events"]) == []


def test_the_same_judge_finds_a_store_that_is_not_synced(traced: Callable[[str], Traced]) -> None:
    defects = defects_of_the_store(traced("store"), PARTITIONS["events"])
    assert "data.bin was not synced before it was published" in defects
    assert sum("folder" in defect for defect in defects) == 2
    assert defects_of_the_log(traced("store")) == []


def test_the_log_is_synced_by_its_kernel_calls_and_not_by_a_map(tmp_path: Path) -> None:
    """With writemap a commit returns before the data is on disk; without metasync before it counts."""
    log = LmdbLog.open(tmp_path / "log")
    flags = log._env.flags()
    log.close()
    assert {name: flags[name] for name in ("writemap", "sync", "metasync", "map_async")} == {
        "writemap": False,
        "sync": True,
        "metasync": True,
        "map_async": False,
    }


async def test_every_table_has_every_durable_setting(engine: Engine) -> None:
    """As the engine has read them, not as the definition was written."""
    defaults = dict(await engine.query("SELECT name, value FROM system.merge_tree_settings"))
    sql = (
        "SELECT name, engine_full FROM system.tables WHERE database = 'sankofa' AND engine LIKE '%MergeTree'"
    )
    tables = await engine.query(sql)
    assert {"events", "people", "aliases"} <= {name for name, _ in tables}
    for name, definition in tables:
        chosen = dict(part.split(" = ") for part in definition.partition(" SETTINGS ")[2].split(", "))
        effective = {setting: (defaults | chosen)[setting] for setting in DURABLE}
        copied = {"old_parts_lifetime": "1"} if name == "audit_rows" else {}  # the records have its rows
        assert effective == DURABLE | copied, name

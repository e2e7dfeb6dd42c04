"""The sweep of SQLite files and plain files finds what is there, and only that."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from storage.sweep import scan_files, scan_sqlite

pytestmark = [pytest.mark.disk]

NEEDLE = b"mark_abcdefghij0123456789"


def test_every_column_of_every_table_of_a_sqlite_file_is_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "records.db"
    text = NEEDLE.decode()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute('CREATE TABLE "odd ""name""" (a TEXT, "b c" BLOB, n INTEGER)')
        connection.execute("CREATE TABLE clean (a TEXT)")
        connection.execute("CREATE TABLE void (a TEXT)")
        rows = [(f"x{text}y", None, 1), (None, b"\0\0" + NEEDLE, 2), ("none", b"", 3), (None, None, None)]
        connection.executemany('INSERT INTO "odd ""name""" VALUES (?, ?, ?)', rows)
        connection.execute("INSERT INTO clean VALUES ('mark_')")
        connection.commit()
        found = scan_sqlite(path, NEEDLE)
    assert found == [("clean", 1, 0), ('odd "name"', 4, 2), ("void", 0, 0)]


@pytest.mark.parametrize("before", [0, 5, (1 << 20) - 12, 1 << 20, (2 << 20) - 1])
def test_a_needle_is_found_wherever_it_lies_in_a_file(tmp_path: Path, before: int) -> None:
    (tmp_path / "file").write_bytes(b"m" * before + NEEDLE)
    assert list(scan_files(tmp_path, NEEDLE, apart=())) == [("file", before + len(NEEDLE), 1)]


def test_folders_apart_and_links_are_left_out_and_all_else_is_counted(tmp_path: Path) -> None:
    for place in ("a/one", "a/b/two", "parts/three"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_bytes(b"12345")
    (tmp_path / "link").symlink_to(tmp_path / "parts" / "three")
    found = list(scan_files(tmp_path, NEEDLE, apart=[tmp_path / "parts"]))
    assert found == [("a/one", 5, 0), ("a/b/two", 5, 0)]

"""Looks for a marker in what a region keeps outside its analytics store and its log.

Each function answers what it examined, the denominator, and how much of that holds the needle. All block.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from storage.directory.entries import DATABASES
from storage.directory.reader import DirectoryReader

_CHUNK_BYTES: Final = 1 << 20


def scan_directory(directory: DirectoryReader, needle: bytes) -> tuple[int, int]:
    """Every key and value of the directory, through its own environment: a process opens it only once."""
    examined = hits = 0
    for name in DATABASES:
        with directory._env.begin(db=directory._db[name]) as txn, txn.cursor() as cursor:
            for key, value in cursor:
                examined += 1
                hits += needle in key or needle in value
    return examined, hits


def scan_sqlite(path: Path, needle: bytes) -> list[tuple[str, int, int]]:
    """Every column of every row of a SQLite file, opened for reading: (table, rows examined, hits)."""
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
        return [(name, *_scan_table(connection, name, needle)) for (name,) in tables.fetchall()]


def _scan_table(connection: sqlite3.Connection, table: str, needle: bytes) -> tuple[int, int]:
    columns = [row[1] for row in connection.execute(f"PRAGMA table_info({_quoted(table)})")]
    held = " OR ".join(f"ifnull(instr(CAST({_quoted(name)} AS BLOB), :needle), 0) > 0" for name in columns)
    sql = f"SELECT count(*), ifnull(sum({held}), 0) FROM {_quoted(table)}"
    examined, hits = connection.execute(sql, {"needle": needle}).fetchone()
    return examined, hits


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def scan_files(folder: Path, needle: bytes, *, apart: Sequence[Path]) -> Iterator[tuple[str, int, int]]:
    """The bytes of every plain file below `folder`: (path in it, bytes examined, 1 for a hit).

    Also of LMDB and SQLite files, whose free pages no query sees. Leaves out what is `apart`: folders whose
    files are compressed, so that a search of their bytes proves nothing. Links are not followed.
    """
    left_out = {path.resolve() for path in apart}
    for place, folders, names in os.walk(folder):
        here = Path(place)
        folders[:] = sorted(name for name in folders if (here / name).resolve() not in left_out)
        for name in sorted(names):
            path = here / name
            if path.is_symlink() or not path.is_file():
                continue
            try:
                examined, hit = _scan_file(path, needle)
            except FileNotFoundError:
                continue  # a temporary file that is gone by now
            yield str(path.relative_to(folder)), examined, int(hit)


def _scan_file(path: Path, needle: bytes) -> tuple[int, bool]:
    examined, hit, before = 0, False, b""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            examined += len(chunk)
            hit = hit or needle in before + chunk
            before = chunk[-len(needle) + 1 :]
    return examined, hit

"""New SQLite databases with the newest schema: copies of one that was migrated once.

A migration takes 0.2 s of CPU, and a test of two regions opens three databases. Databases are migrated, and
what migrates is tested, wherever they are opened without this: on PostgreSQL, in memory, by the meshes of
tests/e2e.
"""

from __future__ import annotations

import asyncio
import secrets
import sqlite3
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import cache
from pathlib import Path

from storage import records, registry
from storage.sql import open_database

RECORDS, REGISTRY = (Path(str(room.__file__)).parent / "schema" for room in (records, registry))


def sqlite_at(path: Path, schema: Path = RECORDS) -> str:
    """The URL of a database, which is new and has its schema where there was none."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_migrated(schema))
        path.chmod(0o600)
        if schema == REGISTRY:
            _another_feed(path)
    return f"sqlite+aiosqlite:///{path}"


def _another_feed(path: Path) -> None:
    """A registry with a new store has a new feed: by its id the others know that they have to compare."""
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE feed SET feed_id = ?", [secrets.token_hex(16)])


@cache
def _migrated(schema: Path) -> bytes:
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(1) as elsewhere:
        path = Path(folder) / "new.db"

        async def migrate() -> None:
            engine = await open_database(f"sqlite+aiosqlite:///{path}", schema=schema)
            await engine.dispose()

        elsewhere.submit(lambda: asyncio.run(migrate())).result()  # a loop of its own: the caller's is taken
        return path.read_bytes()

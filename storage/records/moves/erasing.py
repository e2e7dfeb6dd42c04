"""What is erased leaves the files too, as far as a database lets itself be told.

SQLite: `secure_delete` (storage/sql.py) overwrites deleted rows and freed pages with zeros; the write-ahead
log, which still has them, is copied back and truncated here. PostgreSQL: VACUUM takes the dead rows out of
the tables and their indexes; what is left of them in free space, and in its log, is overwritten in time, and
by `VACUUM FULL` and a new log at once (docs/assign.md).
"""

from __future__ import annotations

import asyncio
import logging

from sqlalchemy import text

from storage.records.engine import Database
from storage.records.moves.rows import Family

_log = logging.getLogger(__name__)

_TRIES, _BETWEEN_TRIES_S = 50, 0.1


async def leave_nothing(database: Database, family: Family) -> None:
    """Does what can be done after the rows of one subject of a family have been deleted."""
    async with database.outside_transactions() as connection:
        if connection.dialect.name == "postgresql":
            for table in family.tables:
                await connection.execute(text(f"VACUUM {table.name}"))
            return
        for _ in range(_TRIES):
            busy, _, _ = (await connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))).one()
            if not busy:
                return
            await asyncio.sleep(_BETWEEN_TRIES_S)  # a reader still looks at an older page
    _log.warning("the write-ahead log could not be truncated yet: the next checkpoint will overwrite it")

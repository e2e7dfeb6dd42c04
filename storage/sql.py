"""Opens a database, SQLite or PostgreSQL, and brings its schema up to date. Driver text ends here."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, event, inspect, make_url, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from mesh.errors import CrossingRefused, SankofaError, Unavailable
from sankofa.residency.v1.error_pb2 import ErrorReason
from storage.sqlite import connect

_log = logging.getLogger(__name__)

WRITE = {"sankofa_begin": "BEGIN IMMEDIATE"}
"""Execution options of a writing transaction: SQLite's takes the lock at its start, or it may deadlock."""
CONNECTIONS: Final = 15
"""Of one process to one database, all of them kept: one that is opened for a moment costs more than what it
is asked, and it is when there is much to do that more than a few are wanted."""
ORG_FENCED, ORG_GONE, ACCOUNT_FENCED = "fenced: org moving", "fenced: org moved", "fenced: account moved"
"""What the triggers of a fence say (storage/records/moves/fences.py)."""
_MIGRATION_LOCK = 0x5A6E6B6F
"""PostgreSQL's advisory lock that lets one of several starting processes migrate."""
_PRAGMAS = (
    "busy_timeout=5000",
    "journal_mode=WAL",
    "synchronous=FULL",
    "secure_delete=ON",
    "foreign_keys=ON",
)
_migrating: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()
"""Alembic keeps its context in module globals: two stores migrated at once would share it."""


async def open_database(url: str, *, schema: Path) -> AsyncEngine:
    """An engine on a database migrated by the Alembic folder `schema`. Raises Unavailable.

    `url`: sqlite+aiosqlite:///path or postgresql+asyncpg://user:password@host/database.
    """
    async with driver_errors():
        engine = _create(url)
        try:
            one_at_a_time = _migrating.setdefault(asyncio.get_running_loop(), asyncio.Lock())
            async with one_at_a_time, engine.execution_options(**WRITE).begin() as connection:
                await connection.run_sync(_migrate, schema)
        except BaseException:
            await engine.dispose()
            raise
    return engine


def open_copy(url: str) -> AsyncEngine:
    """An engine that changes nothing, on a database as it is: it is not migrated. `url` as for open_database.

    A file of SQLite without a write-ahead log beside it was closed whole: nothing is written next to it then.
    One with such a log is read together with it, which needs a folder that may be written to.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "postgresql":
        read_only = {"server_settings": {"default_transaction_read_only": "on"}}
        return create_async_engine(parsed, hide_parameters=True, connect_args=read_only)
    path = Path(parsed.database or "").absolute()
    how = {"mode": "ro"} if Path(f"{path}-wal").exists() else {"immutable": "1"}
    copy = parsed.set(database=f"file:{quote(str(path))}", query={**how, "uri": "true"})
    return create_async_engine(copy, hide_parameters=True)


@asynccontextmanager
async def driver_errors() -> AsyncIterator[None]:
    """What a driver raises becomes Unavailable; its text may hold values and goes nowhere.

    What a fence refuses is no fault of the driver: ORG_MOVING, ORG_MOVED, ACCOUNT_MOVED.
    """
    try:
        yield
    except (SQLAlchemyError, OSError) as error:
        if isinstance(error, DBAPIError) and (refusal := _fenced(str(error.orig))) is not None:
            raise refusal from None
        code = getattr(getattr(error, "orig", None), "sqlite_errorname", "")
        _log.error("the database did not do its work: %s %s", type(error).__name__, code)
        raise Unavailable from None


def _fenced(text: str) -> SankofaError | None:
    if ORG_FENCED in text:
        return Unavailable(ErrorReason.ERROR_REASON_ORG_MOVING)
    if ORG_GONE in text:
        return CrossingRefused(ErrorReason.ERROR_REASON_ORG_MOVED)
    if ACCOUNT_FENCED in text:
        return CrossingRefused(ErrorReason.ERROR_REASON_ACCOUNT_MOVED)
    return None


def _create(url: str) -> AsyncEngine:
    parsed = make_url(url)
    sqlite = parsed.get_backend_name() == "sqlite"
    in_memory = parsed.database in (None, "", ":memory:")
    if sqlite and parsed.database and not in_memory:
        _private_file(Path(parsed.database))
    # SQLite's memory is one connection's, and SQLAlchemy keeps that for it.
    how: dict[str, Any] = {} if sqlite and in_memory else {"pool_size": CONNECTIONS, "max_overflow": 0}
    if sqlite:
        how["async_creator"] = partial(connect, parsed.database or ":memory:")
    engine = create_async_engine(parsed, pool_pre_ping=not sqlite, hide_parameters=True, **how)
    if sqlite:
        _listen(engine.sync_engine)
    return engine


def _listen(engine: Engine) -> None:
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)


def _private_file(path: Path) -> None:
    """For its owner only: it may hold keys and password hashes. SQLite's -wal and -shm follow its mode."""
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    path.chmod(0o600)


def _prepare_sqlite(connection: Any, _record: object) -> None:  # the driver's connection has no public type
    connection.isolation_level = None  # transactions are begun below, so that they cover DDL too
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("sankofa_begin", "BEGIN"))


def _migrate(connection: Connection, schema: Path) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
    if _is_current(connection, schema):
        return
    # Imported where it is needed: it takes 0.4 s, and most starts have nothing to migrate.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(schema).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _is_current(connection: Connection, schema: Path) -> bool:
    """Whether the newest revision has been applied. Revisions are files `v<number>_<what>.py`."""
    if not inspect(connection).has_table("alembic_version"):
        return False
    applied = connection.scalar(text("SELECT version_num FROM alembic_version"))
    newest = max(path.name.partition("_")[0][1:] for path in (schema / "versions").glob("v[0-9]*.py"))
    return bool(applied == newest)

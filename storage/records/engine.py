"""Opens the records' database, brings its schema up to date, and holds it to one region."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, event, insert, make_url, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from mesh.errors import CrossingRefused, Unavailable
from sankofa.residency.v1.error_pb2 import ErrorReason
from storage.records.tables import store

_log = logging.getLogger(__name__)

_SCHEMA = Path(__file__).parent / "schema"
_MIGRATION_LOCK = 0x5A6E6B10
"""PostgreSQL's advisory lock that lets one of several starting cells migrate."""

_PRAGMAS = (
    "busy_timeout=5000",
    "journal_mode=WAL",
    "synchronous=FULL",
    "secure_delete=ON",
    "foreign_keys=ON",
)
_migrating: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()
"""Alembic keeps its context in module globals: two stores migrated at once would share it."""


class Database:
    """Transactions on one region's database. The driver's errors end here."""

    def __init__(self, engine: AsyncEngine, region: str) -> None:
        self._engine = engine
        # SQLite's writers take their lock at the start, or two of them may deadlock.
        self._writer = engine.execution_options(sankofa_begin="BEGIN IMMEDIATE")
        self.region = region

    @classmethod
    async def open(cls, url: str, *, region: str) -> Database:
        """Opens and migrates. Raises Unavailable, or CrossingRefused where it is another region's."""
        async with _driver_text_stays_here():
            database = cls(await _engine(url), region)
        try:
            async with database.write() as connection:
                async with _migrating.setdefault(asyncio.get_running_loop(), asyncio.Lock()):
                    await connection.run_sync(_migrate)
                await _claim(connection, region)
        except BaseException:
            await database.close()
            raise
        return database

    async def close(self) -> None:
        """Closes all connections."""
        await self._engine.dispose()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """One consistent view. Raises Unavailable."""
        async with _driver_text_stays_here(), self._engine.begin() as connection:
            yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """All or nothing, on disk at the end of the block. Raises Unavailable."""
        async with _driver_text_stays_here(), self._writer.begin() as connection:
            yield connection

    def require_here(self, region: str) -> None:
        """The store's guard. Raises CrossingRefused for what belongs to another region."""
        if region != self.region:
            raise CrossingRefused(ErrorReason.ERROR_REASON_WRONG_REGION)


async def _engine(url: str) -> AsyncEngine:
    parsed = make_url(url)
    sqlite = parsed.get_backend_name() == "sqlite"
    if sqlite and parsed.database and parsed.database != ":memory:":
        _private_file(Path(parsed.database))
    engine = create_async_engine(parsed, pool_pre_ping=not sqlite, hide_parameters=True)
    if sqlite:
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _private_file(path: Path) -> None:
    """For its owner only: it holds token keys and password hashes. SQLite's -wal and -shm follow its mode."""
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


def _migrate(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
    config = Config()
    config.set_main_option("script_location", str(_SCHEMA).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


async def _claim(connection: AsyncConnection, region: str) -> None:
    """Writes whose records these are, once. Raises CrossingRefused for any other region after that."""
    owner: str | None = await connection.scalar(select(store.c.region))
    if owner is None:
        await connection.execute(insert(store).values(id=1, region=region))
    elif owner != region:
        raise CrossingRefused(ErrorReason.ERROR_REASON_WRONG_REGION, detail=f"these are records of {owner}")


@asynccontextmanager
async def _driver_text_stays_here() -> AsyncIterator[None]:
    try:
        yield
    except (SQLAlchemyError, OSError) as error:
        _log.exception("the records' database failed")
        raise Unavailable from error

"""Opens the registry's database and brings its schema up to date."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, event, make_url, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

_SCHEMA = Path(__file__).parent / "schema"
_MIGRATION_LOCK = 0x5A6E6B6F
"""PostgreSQL's advisory lock that lets one of several starting registries migrate."""

_PRAGMAS = ("busy_timeout=5000", "journal_mode=WAL", "synchronous=FULL", "secure_delete=ON")

WRITE = {"sankofa_begin": "BEGIN IMMEDIATE"}
"""Execution options of a writing transaction: SQLite's takes the lock at its start, or it may deadlock."""


async def open_engine(url: str) -> AsyncEngine:
    """An engine on a migrated database. Raises SQLAlchemyError or OSError where it can't be reached."""
    parsed = make_url(url)
    sqlite = parsed.get_backend_name() == "sqlite"
    if sqlite and parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_async_engine(parsed, pool_pre_ping=not sqlite, hide_parameters=True)
    if sqlite:
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
    try:
        async with engine.execution_options(**WRITE).begin() as connection:
            await connection.run_sync(_migrate)
    except BaseException:
        await engine.dispose()
        raise
    return engine


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

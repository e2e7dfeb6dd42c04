"""Opens the records' database, brings its schema up to date, and holds it to one region."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from pathlib import Path

from sqlalchemy import insert, inspect, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from mesh.errors import CrossingRefused, NotFound
from sankofa.residency.v1.error_pb2 import ErrorReason
from storage.records.moves.triggers import ensure_triggers
from storage.records.tables import org_audit, project_audit, store
from storage.sql import WRITE, driver_errors, open_copy, open_database

_SCHEMA = Path(__file__).parent / "schema"


class Database:
    """Transactions on one region's database. The driver's errors end here."""

    def __init__(self, engine: AsyncEngine, region: str) -> None:
        self._engine = engine
        self._writer = engine.execution_options(**WRITE)
        sqlite = engine.dialect.name == "sqlite"
        # Where each statement has its own view, a transaction is two more trips to the server, and no more.
        self._reader = engine if sqlite else engine.execution_options(isolation_level="AUTOCOMMIT")
        # SQLite has one writer at a time. Who waits for it there asks again and again, for 5 s, while others
        # who came later are luckier, and holds a connection that reads want: both failed under load.
        self._turn: AbstractAsyncContextManager[object] = asyncio.Lock() if sqlite else nullcontext()
        self.region = region

    @classmethod
    async def open(cls, url: str, *, region: str) -> Database:
        """Opens and migrates. Raises Unavailable, or CrossingRefused where it is another region's."""
        database = cls(await open_database(url, schema=_SCHEMA), region)
        try:
            async with database.write() as connection:
                await _claim(connection, region)
                await ensure_triggers(connection)
        except BaseException:
            await database.close()
            raise
        return database

    @classmethod
    async def open_copy(cls, url: str) -> Database:
        """Opens whatever region's it is, to read it: nothing is changed, its schema included.

        Raises Unavailable where it can't be read, and NotFound where there are no records in it.
        """
        database = cls(open_copy(url), "")
        try:
            async with database.read() as connection:
                tables = await connection.run_sync(lambda plain: inspect(plain).get_table_names())
                if not {table.name for table in (store, org_audit, project_audit)} <= set(tables):
                    raise NotFound(detail="no records with audit logs in there")
                database.region = await connection.scalar(select(store.c.region)) or ""
        except BaseException:
            await database.close()
            raise
        return database

    async def close(self) -> None:
        """Closes all connections."""
        await self._engine.dispose()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """One consistent view on SQLite; on PostgreSQL each statement has its own. Raises Unavailable."""
        async with driver_errors(), self._reader.begin() as connection:
            yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """All or nothing, on disk at the end of the block; in the order of asking. Raises Unavailable."""
        async with self._turn, driver_errors(), self._writer.begin() as connection:
            yield connection

    @asynccontextmanager
    async def outside_transactions(self) -> AsyncIterator[AsyncConnection]:
        """For statements that a transaction can't hold, in the order of asking too. Raises Unavailable."""
        engine = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        async with self._turn, driver_errors(), engine.connect() as connection:
            yield connection

    def require_here(self, region: str) -> None:
        """The store's guard. Raises CrossingRefused for what belongs to another region."""
        if region != self.region:
            raise CrossingRefused(ErrorReason.ERROR_REASON_WRONG_REGION)


async def _claim(connection: AsyncConnection, region: str) -> None:
    """Writes whose records these are, once. Raises CrossingRefused for any other region after that."""
    owner: str | None = await connection.scalar(select(store.c.region))
    if owner is None:
        await connection.execute(insert(store).values(id=1, region=region))
    elif owner != region:
        raise CrossingRefused(ErrorReason.ERROR_REASON_WRONG_REGION, detail=f"these are records of {owner}")

"""The registry's store: signed rows, each under the feed number of its last change."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import delete, select, union_all, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from mesh.errors import Unavailable
from sankofa.registry.v1.registry_pb2 import SignedRow
from storage.registry.rules import OF_ONE_REGION, UNWATCHED, Position, check_form
from storage.registry.tables import TABLES, feed
from storage.registry.transaction import changes_of, known_rows, read_position, write
from storage.sql import WRITE, driver_errors, open_database

_log = logging.getLogger(__name__)

SCHEMA = Path(__file__).parent / "schema"
P = ParamSpec("P")
T = TypeVar("T")


def _to_its_end(
    method: Callable[Concatenate[RegistryStore, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[RegistryStore, P], Coroutine[Any, Any, T]]:
    """A cancelled caller leaves; the transaction ends by itself.

    SQLAlchemy's aiosqlite, cancelled in the middle of a call, leaves a task that closes the connection and
    never ends; it hangs the loop's shutdown (seen with 2.1.9 and 0.22 when watches were cut off).
    """

    @wraps(method)
    async def shielded(self: RegistryStore, /, *args: P.args, **kwargs: P.kwargs) -> T:
        if self._closing:
            raise Unavailable
        task = asyncio.ensure_future(method(self, *args, **kwargs))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    return shielded


class RegistryStore:
    """Signed rows of all regions, in one database."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._writer = engine.execution_options(**WRITE)
        self._running: set[asyncio.Future[Any]] = set()
        self._closing = False

    @classmethod
    async def open(cls, url: str) -> RegistryStore:
        """Opens and migrates `sqlite+aiosqlite:///path` or `postgresql+asyncpg://…`. Raises Unavailable."""
        return cls(await open_database(url, schema=SCHEMA))

    async def close(self) -> None:
        """Waits for transactions in progress, then closes all connections."""
        self._closing = True
        await asyncio.gather(*self._running, return_exceptions=True)
        await self._engine.dispose()

    @_to_its_end
    async def put(self, rows: Sequence[SignedRow]) -> Position:
        """Writes rows, all or none, in their order; a repeat changes nothing. The position after them.

        Raises InvalidInput, Conflict (a second value of what is written once), Forbidden (signer not known).
        """
        for signed in rows:
            check_form(signed.row)
        async with self._transaction(self._writer) as connection:
            # Holding the feed's row makes numbers appear in their order on PostgreSQL as well.
            before = await read_position(connection, lock=True)
            known = await known_rows(connection, rows)
            changed = changes_of(rows, known, before.seq)
            await write(connection, changed, known)
            if any(kind == "session_end" for kind, _ in changed):
                ends = TABLES["session_end"]
                over = ends.c.forget_after_unix_ms < time.time_ns() // 1_000_000
                await connection.execute(delete(ends).where(over))
            after = max((seq for seq, _ in changed.values()), default=before.seq)
            if after != before.seq:
                await connection.execute(update(feed).values(seq=after))
        return Position(before.feed_id, after)

    @_to_its_end
    async def changes(self, after_seq: int, region: str | None, limit: int) -> list[tuple[int, SignedRow]]:
        """Rows whose last change came after a number, in order; only one region's pins and keys, if named.

        A signer comes before the rows it signed. Login hints and operations never come.
        """
        kinds = []
        for kind, table in TABLES.items():
            if kind in UNWATCHED:
                continue
            query = select(table.c.seq, table.c.signed).where(table.c.seq > after_seq)
            kinds.append(query.where(table.c.region == region) if region and kind in OF_ONE_REGION else query)
        every = union_all(*kinds).subquery()
        ordered = select(every.c.seq, every.c.signed).order_by(every.c.seq).limit(limit)
        async with self._transaction(self._engine) as connection:
            found = (await connection.execute(ordered)).all()
        return [(seq, SignedRow.FromString(signed)) for seq, signed in found]

    @_to_its_end
    async def signers(self) -> list[SignedRow]:
        """Every region's signers."""
        table = TABLES["signer"]
        async with self._transaction(self._engine) as connection:
            found = await connection.scalars(select(table.c.signed).order_by(table.c.seq))
            return [SignedRow.FromString(signed) for signed in found]

    @_to_its_end
    async def find_login_hint(self, hint: str) -> tuple[SignedRow, SignedRow] | None:
        """The row that says where an account is, and its signer's; None for no such account."""
        hints, signers = TABLES["login_hint"], TABLES["signer"]
        async with self._transaction(self._engine) as connection:
            found = await connection.scalar(select(hints.c.signed).where(hints.c.hint == hint))
            if found is None:
                return None
            row = SignedRow.FromString(found)
            this = (signers.c.region == row.row.region, signers.c.key_id == row.signer_key_id)
            signer = await connection.scalar(select(signers.c.signed).where(*this))
            return row, SignedRow.FromString(signer or b"")

    @_to_its_end
    async def position(self) -> Position:
        """Where the feed is."""
        async with self._transaction(self._engine) as connection:
            return await read_position(connection)

    @asynccontextmanager
    async def _transaction(self, engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
        async with driver_errors(), engine.begin() as connection:
            yield connection

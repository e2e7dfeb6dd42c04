"""Rows on their way to the registry: written with what they say, published later, kept for a new feed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec
from sqlalchemy import delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sankofa.registry.v1.registry_pb2 import LoginHint, Org, Row
from storage.records.engine import Database
from storage.records.tables import outbox
from storage.registry.rules import key_of


@dataclass(frozen=True, slots=True)
class Pending:
    """A row that a feed does not have yet, under its number in the outbox."""

    id: int
    row: Row


class Outbox(Protocol):
    """What is to be published, in order."""

    async def add(self, rows: Sequence[Row]) -> None:
        """Takes rows; one that is here already keeps its place."""

    async def pending(self, feed_id: str | None, limit: int) -> list[Pending]:
        """Rows that a feed does not have; with None, rows that no feed has. Oldest first."""

    async def settle(self, ids: Sequence[int], feed_id: str, *, refusal: str | None = None) -> None:
        """Says that a feed has the rows, or has refused them for ever."""


async def enqueue(connection: AsyncConnection, rows: Sequence[Row]) -> None:
    """Adds rows in the caller's transaction. A newer row replaces the one of the same name:

    so a key and its later revocation are never replayed one after the other.
    """
    for row in rows:
        name = msgspec.msgpack.encode(key_of(row))
        encoded = row.SerializeToString(deterministic=True)
        if await connection.scalar(select(outbox.c.row).where(outbox.c.name == name)) == encoded:
            continue
        await connection.execute(delete(outbox).where(outbox.c.name == name))
        await connection.execute(insert(outbox).values(name=name, region=row.region, row=encoded))


async def forget_org(connection: AsyncConnection, org_id: str) -> None:
    """An organisation that is another region's is not this region's to publish again."""
    await _forget(connection, Row(org=Org(org_id=org_id)))


async def forget_hint(connection: AsyncConnection, hint: str) -> None:
    """Nor is an account."""
    await _forget(connection, Row(login_hint=LoginHint(hint=hint)))


async def _forget(connection: AsyncConnection, row: Row) -> None:
    name = msgspec.msgpack.encode(key_of(row))
    await connection.execute(delete(outbox).where(outbox.c.name == name))


class SqlOutbox:
    """An Outbox in the records' database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, rows: Sequence[Row]) -> None:
        """Raises CrossingRefused for another region's row."""
        for row in rows:
            self._database.require_here(row.region)
        async with self._database.write() as connection:
            await enqueue(connection, rows)

    async def pending(self, feed_id: str | None, limit: int) -> list[Pending]:
        """As Outbox says."""
        unknown = outbox.c.published_feed_id.is_(None)
        missing = unknown if feed_id is None else or_(unknown, outbox.c.published_feed_id != feed_id)
        query = select(outbox.c.id, outbox.c.row).where(missing).order_by(outbox.c.id).limit(limit)
        async with self._database.read() as connection:
            return [Pending(id, Row.FromString(row)) for id, row in await connection.execute(query)]

    async def settle(self, ids: Sequence[int], feed_id: str, *, refusal: str | None = None) -> None:
        """As Outbox says."""
        done = update(outbox).where(outbox.c.id.in_(ids))
        async with self._database.write() as connection:
            await connection.execute(done.values(published_feed_id=feed_id, refusal=refusal))

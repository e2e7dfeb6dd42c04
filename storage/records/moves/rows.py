"""Rows on their way: the same bytes at both ends, whatever database is beneath, and digests over them.

A body is the MessagePack of {table, columns, rows}: columns by name in order, maps of JSON columns by key.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Table, delete, func, insert, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh.errors import Conflict, InvalidInput

ROWS_A_BODY: Final = 500
_encoder: Final = msgspec.msgpack.Encoder(order="deterministic")


class Body(msgspec.Struct, frozen=True):
    """Some rows of one table."""

    table: str
    columns: list[str]
    rows: list[list[Any]]


decode_body: Final = msgspec.msgpack.Decoder(Body).decode


class TableDigest(msgspec.Struct, frozen=True):
    """How many rows a table holds of a subject, and the keyed digest of them."""

    table: str
    rows: int
    digest: bytes = b""


@dataclass(frozen=True, slots=True)
class Family:
    """Tables whose rows belong to one kind of subject, in an order in which their foreign keys hold."""

    owner: str
    tables: Sequence[Table]

    def named(self, name: str) -> Table:
        """Raises InvalidInput for a table that does not move."""
        for table in self.tables:
            if table.name == name:
                return table
        raise InvalidInput(detail=f"{name[:50]} is no table that moves")

    def of(self, table: Table, subject: str) -> ColumnElement[bool]:
        """Which rows are the subject's: by its own column, or by that of the row they refer to."""
        if self.owner in table.columns:
            return table.columns[self.owner] == subject
        for key in table.foreign_keys:
            owner = key.column.table
            if owner in self.tables and owner is not table:
                owned = select(key.column).where(self.of(owner, subject))
                return key.parent.in_(owned)
        raise ValueError(f"{table.name} has no {self.owner}, and refers to nothing that has one")


def columns_of(table: Table) -> list[str]:
    """The columns in the order in which they travel."""
    return sorted(str(column.name) for column in table.columns)


def encode(body: Body) -> bytes:
    """The bytes of a body."""
    return _encoder.encode(body)


def decode(raw: bytes, family: Family) -> tuple[Table, list[dict[str, Any]]]:
    """The table and the rows of a body. Raises InvalidInput for what this region's schema does not have."""
    try:
        body = decode_body(raw)
    except msgspec.MsgspecError:
        raise InvalidInput(detail="what came is no rows") from None
    table = family.named(body.table)
    if body.columns != columns_of(table) or any(len(row) != len(body.columns) for row in body.rows):
        raise InvalidInput(
            detail=f"{body.table} has other columns there: bring both regions to one version, then try again"
        )
    return table, [dict(zip(body.columns, row, strict=True)) for row in body.rows]


async def bodies(connection: AsyncConnection, family: Family, subject: str) -> AsyncIterator[Body]:
    """All rows of a subject, table after table."""
    for table in family.tables:
        async for rows in _pages(connection, table, family.of(table, subject)):
            yield Body(str(table.name), columns_of(table), rows)


async def _pages(
    connection: AsyncConnection, table: Table, these: ColumnElement[bool]
) -> AsyncIterator[list[list[Any]]]:
    keys, names = list(table.primary_key.columns), columns_of(table)
    query = select(table).where(these).order_by(*keys).limit(ROWS_A_BODY)
    after: tuple[Any, ...] | None = None
    while True:
        page = query if after is None else query.where(tuple_(*keys) > after)
        found = (await connection.execute(page)).mappings().all()
        if found:
            yield [[row[name] for name in names] for row in found]
        if len(found) < ROWS_A_BODY:
            return
        after = tuple(found[-1][key.name] for key in keys)


async def store(connection: AsyncConnection, family: Family, subject: str, raw: Iterable[bytes]) -> None:
    """Writes bodies where they belong. Raises Conflict, which ends the transaction, for a row of another's.

    Whoever sends them may give away what is theirs, and nothing else: counted after the fact, in the
    database, so that no way of naming an owner gets past it.
    """
    came = Counter({str(table.name): 0 for table in family.tables})
    for each in raw:
        table, rows = decode(each, family)
        came[str(table.name)] += len(rows)
        if rows:
            await connection.execute(insert(table), rows)
    if {each.table: each.rows for each in await left(connection, family, subject)} != came:
        raise Conflict(detail="rows of another have come")


class Digests:
    """Collects rows in any order: equal digests, equal rows. HMAC-SHA-256 of the sorted HMACs of the rows."""

    def __init__(self, key: bytes, tables: Iterable[Table]) -> None:
        self._key = key
        self._rows: dict[str, list[bytes]] = {str(table.name): [] for table in tables}

    def add(self, body: Body) -> None:
        """Takes rows."""
        for row in body.rows:
            message = _encoder.encode([body.table, body.columns, row])
            self._rows[body.table].append(hmac.digest(self._key, message, hashlib.sha256))

    def tables(self) -> list[TableDigest]:
        """Of every table, empty ones included."""
        return [
            TableDigest(name, len(rows), hmac.digest(self._key, b"".join(sorted(rows)), hashlib.sha256))
            for name, rows in self._rows.items()
        ]


async def digests(connection: AsyncConnection, family: Family, subject: str, key: bytes) -> list[TableDigest]:
    """Of every table, as it is."""
    collected = Digests(key, family.tables)
    async for body in bodies(connection, family, subject):
        collected.add(body)
    return collected.tables()


async def erase(connection: AsyncConnection, family: Family, subject: str) -> None:
    """Deletes every row of a subject."""
    for table in reversed(family.tables):
        await connection.execute(delete(table).where(family.of(table, subject)))


async def left(connection: AsyncConnection, family: Family, subject: str) -> list[TableDigest]:
    """How many rows each table holds of a subject."""
    counts = []
    for table in family.tables:
        query = select(func.count()).select_from(table).where(family.of(table, subject))
        counts.append(TableDigest(str(table.name), (await connection.execute(query)).scalar_one()))
    return counts

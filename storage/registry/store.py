"""The registry's store: signed rows, each under the feed number of its last change."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager

from sqlalchemy import bindparam, select, tuple_, union_all, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from mesh.errors import Conflict, Forbidden, Unavailable
from sankofa.registry.v1.registry_pb2 import SignedRow
from sankofa.residency.v1.error_pb2 import ErrorReason
from storage.registry.engine import WRITE, open_engine
from storage.registry.rules import OF_ONE_REGION, Position, RowKey, check_form, key_of, supersedes
from storage.registry.tables import TABLES, feed

_log = logging.getLogger(__name__)

_KEYS_A_QUERY = 500
"""Bound parameters a statement: far under what SQLite and asyncpg take."""


class RegistryStore:
    """Signed rows of all regions, in one database."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._writer = engine.execution_options(**WRITE)

    @classmethod
    async def open(cls, url: str) -> RegistryStore:
        """Opens and migrates `sqlite+aiosqlite:///path` or `postgresql+asyncpg://…`. Raises Unavailable."""
        async with _driver_text_stays_here():
            return cls(await open_engine(url))

    async def close(self) -> None:
        """Closes all connections."""
        await self._engine.dispose()

    async def put(self, rows: Sequence[SignedRow]) -> Position:
        """Writes rows, all or none, in their order; a repeat changes nothing. The position after them.

        Raises InvalidInput, Conflict (a second value of what is written once), Forbidden (signer not known).
        """
        for signed in rows:
            check_form(signed.row)
        async with self._transaction(self._writer) as connection:
            # Holding the feed's row makes numbers appear in their order on PostgreSQL as well.
            before = await _position(connection, lock=True)
            known = await _known(connection, rows)
            changed = _changes(rows, known, before.seq)
            await _write(connection, changed, known)
            after = max((seq for seq, _ in changed.values()), default=before.seq)
            if after != before.seq:
                await connection.execute(update(feed).values(seq=after))
        return Position(before.feed_id, after)

    async def changes(self, after_seq: int, region: str | None, limit: int) -> list[tuple[int, SignedRow]]:
        """Rows whose last change came after a number, in order; only one region's pins and keys, if named.

        A signer comes before the rows it signed. Login hints never come.
        """
        kinds = []
        for kind, table in TABLES.items():
            if kind == "login_hint":
                continue
            query = select(table.c.seq, table.c.signed).where(table.c.seq > after_seq)
            kinds.append(query.where(table.c.region == region) if region and kind in OF_ONE_REGION else query)
        every = union_all(*kinds).subquery()
        ordered = select(every.c.seq, every.c.signed).order_by(every.c.seq).limit(limit)
        async with self._transaction(self._engine) as connection:
            found = (await connection.execute(ordered)).all()
        return [(seq, SignedRow.FromString(signed)) for seq, signed in found]

    async def signers(self) -> list[SignedRow]:
        """Every region's signers."""
        table = TABLES["signer"]
        async with self._transaction(self._engine) as connection:
            found = await connection.scalars(select(table.c.signed).order_by(table.c.seq))
            return [SignedRow.FromString(signed) for signed in found]

    async def find_login_hint(self, hint: str) -> str | None:
        """The home region of an account."""
        table = TABLES["login_hint"]
        async with self._transaction(self._engine) as connection:
            region: str | None = await connection.scalar(select(table.c.region).where(table.c.hint == hint))
            return region

    async def position(self) -> Position:
        """Where the feed is."""
        async with self._transaction(self._engine) as connection:
            return await _position(connection)

    @asynccontextmanager
    async def _transaction(self, engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
        async with _driver_text_stays_here(), engine.begin() as connection:
            yield connection


_Changes = dict[RowKey, tuple[int, SignedRow]]


def _changes(rows: Sequence[SignedRow], known: dict[RowKey, SignedRow], seq: int) -> _Changes:
    """What the rows change, each with its new number. Raises Conflict or Forbidden."""
    current, changed = dict(known), _Changes()
    for signed in rows:
        name = key_of(signed.row)
        kind = name[0]
        old = current.get(name)
        if old is not None and not supersedes(signed.row, old.row):
            continue
        if kind != "signer" and _signer_of(signed) not in current:
            raise Forbidden(ErrorReason.ERROR_REASON_ROW_NOT_SIGNED)
        pin = current.get(_pin_of(signed)) if kind == "api_key" else None
        if pin is not None and pin.row.region != signed.row.region:
            raise Conflict
        seq += 1
        current[name], changed[name] = signed, (seq, signed)
    return changed


def _signer_of(signed: SignedRow) -> RowKey:
    return "signer", (signed.row.region, signed.signer_key_id)


def _pin_of(signed: SignedRow) -> RowKey:
    return "pin", (signed.row.api_key.project_id,)


async def _known(connection: AsyncConnection, rows: Sequence[SignedRow]) -> dict[RowKey, SignedRow]:
    """What the store has under the keys of the rows, of their signers and of their projects."""
    wanted: defaultdict[str, set[tuple[str | bytes, ...]]] = defaultdict(set)
    for signed in rows:
        for kind, key in (key_of(signed.row), _signer_of(signed), _pin_of(signed)):
            wanted[kind].add(key)
    known: dict[RowKey, SignedRow] = {}
    for kind, keys in wanted.items():
        table = TABLES[kind]
        for some in _chunks(list(keys)):
            columns = tuple_(*table.primary_key.columns)
            for signed_bytes in await connection.scalars(select(table.c.signed).where(columns.in_(some))):
                signed = SignedRow.FromString(signed_bytes)
                known[key_of(signed.row)] = signed
    return known


async def _write(connection: AsyncConnection, changed: _Changes, known: dict[RowKey, SignedRow]) -> None:
    inserts: defaultdict[str, list[dict[str, object]]] = defaultdict(list)
    updates: defaultdict[str, list[dict[str, object]]] = defaultdict(list)
    for name, (seq, signed) in changed.items():
        (updates if name in known else inserts)[name[0]].append(_values(seq, signed))
    for kind, values in inserts.items():
        await connection.execute(TABLES[kind].insert(), values)
    for kind, values in updates.items():
        keys = TABLES[kind].primary_key.columns
        replace = update(TABLES[kind]).where(*(key == bindparam(f"old_{key.name}") for key in keys))
        named = [value | {f"old_{key.name}": value[key.name] for key in keys} for value in values]
        await connection.execute(replace, named)


def _values(seq: int, signed: SignedRow) -> dict[str, object]:
    kind = key_of(signed.row)[0]
    fact, table = getattr(signed.row, kind), TABLES[kind]
    own = {"region": signed.row.region, "seq": seq, "signed": signed.SerializeToString(deterministic=True)}
    return own | {
        column.name: getattr(fact, column.name) for column in table.columns if column.name not in own
    }


async def _position(connection: AsyncConnection, *, lock: bool = False) -> Position:
    query = select(feed.c.feed_id, feed.c.seq)
    return Position(*(await connection.execute(query.with_for_update() if lock else query)).one())


def _chunks(keys: list[tuple[str | bytes, ...]]) -> Iterable[list[tuple[str | bytes, ...]]]:
    return (keys[start : start + _KEYS_A_QUERY] for start in range(0, len(keys), _KEYS_A_QUERY))


@asynccontextmanager
async def _driver_text_stays_here() -> AsyncIterator[None]:
    try:
        yield
    except (SQLAlchemyError, OSError) as error:
        _log.exception("the registry's database failed")
        raise Unavailable from error

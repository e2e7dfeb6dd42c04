"""The steps of one writing transaction: what is known, what changes, what is written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from sqlalchemy import bindparam, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh.errors import Conflict, Forbidden
from mesh.handovers import epoch_of
from sankofa.registry.v1.registry_pb2 import SignedRow
from sankofa.residency.v1.error_pb2 import ErrorReason
from storage.registry.rules import Position, RowKey, key_of, supersedes
from storage.registry.tables import TABLES, feed

_KEYS_A_QUERY = 500
"""Bound parameters a statement: far under what SQLite and asyncpg take."""

Changes = dict[RowKey, tuple[int, SignedRow]]
"""Rows to write, each with its new number in the feed."""


def changes_of(rows: Sequence[SignedRow], known: dict[RowKey, SignedRow], seq: int) -> Changes:
    """What the rows change, each with its new number. Raises Conflict or Forbidden."""
    current, changed = dict(known), Changes()
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
        if kind == "org_operation" and not _is_primary(current.get(_org_of(signed)), signed):
            raise Forbidden(ErrorReason.ERROR_REASON_ROW_NOT_OWN)
        seq += 1
        current[name], changed[name] = signed, (seq, signed)
    return changed


def _signer_of(signed: SignedRow) -> RowKey:
    return "signer", (signed.row.region, signed.signer_key_id)


def _pin_of(signed: SignedRow) -> RowKey:
    return "pin", (signed.row.api_key.project_id,)


def _org_of(signed: SignedRow) -> RowKey:
    return "org", (signed.row.org_operation.org_id,)


def _is_primary(org: SignedRow | None, signed: SignedRow) -> bool:
    """What is done with an organisation is its primary region's to say."""
    return org is not None and org.row.region == signed.row.region


async def known_rows(connection: AsyncConnection, rows: Sequence[SignedRow]) -> dict[RowKey, SignedRow]:
    """What the store has under the keys of the rows, of their signers, projects and organisations."""
    wanted: defaultdict[str, set[tuple[str | bytes, ...]]] = defaultdict(set)
    for signed in rows:
        for kind, key in (key_of(signed.row), _signer_of(signed), _pin_of(signed), _org_of(signed)):
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


async def write(connection: AsyncConnection, changed: Changes, known: dict[RowKey, SignedRow]) -> None:
    """Inserts what is new and updates what was known."""
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
    if "epoch" in table.columns:
        own["epoch"] = epoch_of(signed.row)
    return own | {
        column.name: getattr(fact, column.name) for column in table.columns if column.name not in own
    }


async def read_position(connection: AsyncConnection, *, lock: bool = False) -> Position:
    """Where the feed is; locked, no other writer moves it before the transaction ends."""
    query = select(feed.c.feed_id, feed.c.seq)
    return Position(*(await connection.execute(query.with_for_update() if lock else query)).one())


def _chunks(keys: list[tuple[str | bytes, ...]]) -> Iterable[list[tuple[str | bytes, ...]]]:
    return (keys[start : start + _KEYS_A_QUERY] for start in range(0, len(keys), _KEYS_A_QUERY))

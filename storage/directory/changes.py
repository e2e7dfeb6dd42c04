"""Changes inside one writing transaction: what a row may replace, and what may be forgotten."""

from __future__ import annotations

from typing import TypeAlias

import lmdb

from mesh.directory import AccessFact
from sankofa.registry.v1.registry_pb2 import SignedRow
from storage.directory.entries import (
    DATABASE_OF,
    FORGOTTEN,
    access_key,
    decode_access,
    decode_end,
    decode_pin,
    encode,
    joined,
    name_of,
    row_of,
    value_of,
)
from storage.directory.environment import Database
from storage.registry.rules import OF_ONE_REGION, supersedes

Transaction: TypeAlias = "lmdb.Transaction[bytes]"
Databases: TypeAlias = dict[str, Database]


def apply_row(txn: Transaction, databases: Databases, region: str | None, signed: SignedRow) -> None:
    """Writes a row if it may be written. Raises Conflict for a second value.

    `region` is whose directory this is, None the router's.
    """
    kind, key = name_of(signed.row)
    if kind not in DATABASE_OF:
        return
    value = value_of(signed)
    db = databases[DATABASE_OF[kind]]
    old = txn.get(key, db=db)
    kept_here = region in (None, signed.row.region) or kind not in OF_ONE_REGION
    if old is None:
        if kept_here:
            txn.put(key, value, db=db)
    elif old != value and (supersedes(signed.row, row_of(kind, key, old)) or kind == "pin"):
        txn.put(key, value, db=db)  # a pin that changes nothing was forgotten, and is back


def forget_unseen(
    txn: Transaction, databases: Databases, region: str | None, seen: set[tuple[str, bytes]]
) -> None:
    """Removes rows of other regions that a full compare did not bring."""
    for kind, name in DATABASE_OF.items():
        with txn.cursor(databases[name]) as cursor:
            unseen = [(key, value) for key, value in cursor if (kind, key) not in seen]
        for key, value in unseen:
            row = row_of(kind, key, value)
            over = row.api_key.revoked or row.jwt_key.retired
            if row.region == region or over or kind == "session_end":
                continue
            if kind == "pin":
                owner, org_id, _ = decode_pin(value)
                txn.put(key, encode((owner, org_id, FORGOTTEN)), db=databases[name])
            else:
                txn.delete(key, db=databases[name])


def forget_ends(txn: Transaction, databases: Databases, now_ms: int) -> None:
    """Removes ends of sessions of which no token can be valid any more."""
    with txn.cursor(databases["session_ends"]) as cursor:
        found = cursor.first()
        while found:
            found = cursor.delete() if decode_end(cursor.value())[0] < now_ms else cursor.next()


def put_access(txn: Transaction, databases: Databases, primary_region: str, row: AccessFact) -> None:
    """Writes an access row, unless a newer one is here."""
    key = access_key(primary_region, row)
    old = txn.get(key, db=databases["access"])
    if old is None or decode_access(old)[3] <= row.epoch:
        txn.put(key, encode((row.org_id, row.role, row.home_region, row.epoch)), db=databases["access"])


def drop_access(txn: Transaction, databases: Databases, primary_region: str, epoch: int) -> None:
    """Removes the access rows of a primary region that are not newer than `epoch`."""
    prefix = joined(primary_region, "")
    with txn.cursor(databases["access"]) as cursor:
        found = cursor.set_range(prefix)
        while found and cursor.key().startswith(prefix):
            newer = decode_access(cursor.value())[3] > epoch
            found = cursor.next() if newer else cursor.delete()

"""Durable logs as older versions wrote them, for tests of an upgrade."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import lmdb

from storage.log import Record, Table

_HEAD = struct.Struct(">BH")
_TABLES = (Table.EVENTS, Table.PEOPLE, Table.ALIASES)


def write_format_1(
    folder: Path, *, log_id: str, cursor: int, held: Sequence[Record], dead: Sequence[Record] = ()
) -> None:
    """A log of version 0.1.0: an entry for each row, `head | row` under its seq; letters without a time."""
    folder.mkdir(exist_ok=True)
    with lmdb.open(str(folder), map_size=64 << 20, max_dbs=3) as env:
        entries, letters, meta = (env.open_db(name) for name in (b"entries", b"dead", b"meta"))
        with env.begin(write=True) as txn:
            txn.put(b"log_id", log_id.encode(), db=meta)
            txn.put(b"cursor", _key(cursor), db=meta)
            for record in held:
                txn.put(_key(record.seq), _value(record), db=entries)
            for record in dead:
                txn.put(_key(record.seq), b"\0\3why" + _value(record), db=letters)


def _key(seq: int) -> bytes:
    return seq.to_bytes(8, "big")


def _value(record: Record) -> bytes:
    project = record.project_id.encode()
    return _HEAD.pack(_TABLES.index(record.table), len(project)) + project + record.row

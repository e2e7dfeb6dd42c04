"""The format of a log in LMDB: written down in it, and brought up to date when it is opened.

A kill at any moment of an upgrade leaves each row in one of the two tables, and the next opening goes on.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Final

import lmdb

from storage.log import LogFailed, Record, Rows
from storage.log.codec import pack, record_of

FORMAT: Final = 2
STEP: Final = 2_000
"""Rows converted in one transaction."""

_NAME: Final = b"format"
_ROWS_OF_1: Final = b"entries"


def bring_up_to_date(env: lmdb.Environment, *, blocks: lmdb._Database, meta: lmdb._Database) -> None:
    """Converts what an older version wrote. Raises LogFailed for what a newer one did."""
    with env.begin(db=meta) as txn:
        said = int(txn.get(_NAME) or b"1")
    if said > FORMAT:
        raise LogFailed(detail=f"the log has format {said}, and this version knows {FORMAT}: use a newer one")
    if said == FORMAT:
        return
    try:
        rows = env.open_db(_ROWS_OF_1, create=False)
    except lmdb.NotFoundError:
        pass
    else:
        while _convert(env, rows, blocks):
            continue
    with env.begin(db=meta, write=True) as txn:
        txn.put(_NAME, b"%d" % FORMAT)


def _convert(env: lmdb.Environment, rows: lmdb._Database, blocks: lmdb._Database) -> bool:
    """One transaction: takes rows out of the old table and puts their blocks into the new one."""
    with env.begin(write=True) as txn:
        with txn.cursor(rows) as cursor:
            taken = list(_taken(cursor))
        for first, parts in _unbroken(taken):
            for key, value in pack(first, iter(parts)):
                txn.put(key, value, db=blocks)
    return bool(taken)


def _taken(cursor: lmdb.Cursor[bytes]) -> Iterator[Record]:
    left = cursor.first()
    for _ in range(STEP):
        if not left:
            return
        yield record_of(cursor.key(), cursor.value())
        cursor.delete()
        left = bool(cursor.key())


def _unbroken(records: list[Record]) -> Iterator[tuple[int, list[Rows]]]:
    """Runs of rows that follow each other; a kill while the cursor deleted may have left a gap."""
    for _, run in groupby(enumerate(records), lambda place: place[1].seq - place[0]):
        members = [record for _, record in run]
        yield members[0].seq, [Rows(one.table, one.project_id, [one.row]) for one in members]

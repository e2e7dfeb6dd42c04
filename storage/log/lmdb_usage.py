"""Usage in the log's own environment: written by the commit that stores the rows.

usage    month, 4 bytes | project id → events, 8 bytes
ids      seq of the commit's first row, 8 bytes → its new ids, ID_BYTES each

All numbers are big-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final

import lmdb

from mesh.months import month_of
from storage.log import ID_CHARACTERS, Append
from storage.log.codec import key_of
from storage.log.usage import MOST_IDS, Added, Usage, oldest_kept

FORGOTTEN_A_COMMIT: Final = 4
"""Entries of old ids removed by a commit that adds one: more than one, so that they do not pile up."""

_BYTES_AN_ID: Final = 40
"""About what one takes that comes alone in its commit."""

_SHARE: Final = 0.05
_MONTH = struct.Struct(">I")
_TOTAL = struct.Struct(">Q")


class UsageTables:
    """The two tables, and what they say in memory. For the thread that commits, but for `usage`."""

    def __init__(self, env: lmdb.Environment, *, now_ms: Callable[[], int], bound_bytes: int) -> None:
        self._totals = env.open_db(b"usage")
        self._ids = env.open_db(b"ids")
        self._now_ms = now_ms
        self._most_ids = min(MOST_IDS, int(bound_bytes * _SHARE) // _BYTES_AN_ID)
        self._keep_from = self._next_keep_from = b""
        self._in_doubt = True
        self.usage = Usage()

    @property
    def tables(self) -> tuple[lmdb._Database, ...]:
        """For whoever looks at everything."""
        return self._totals, self._ids

    def load(self, txn: lmdb.Transaction[bytes]) -> None:
        """Reads what the disk says, where nobody knows how the last commit ended or a process begins."""
        if not self._in_doubt:
            return
        usage = Usage(most_ids=self._most_ids)
        oldest = _MONTH.pack(oldest_kept(month_of(self._now_ms())))
        with txn.cursor(self._totals) as cursor:
            left = cursor.first()
            while left and cursor.key() < oldest:
                cursor.delete()
                left = bool(cursor.key())
            for key, value in cursor.iternext() if left else ():
                (month,) = _MONTH.unpack_from(key)
                usage.set(month, key[_MONTH.size :].decode(), _TOTAL.unpack(value)[0])
        with txn.cursor(self._ids) as cursor:
            for key, value in cursor.iternext():
                text = value.decode()
                ids = [text[at : at + ID_CHARACTERS] for at in range(0, len(text), ID_CHARACTERS)]
                self._note_generation(key, usage.remember(ids))
        self.usage = usage
        self._in_doubt = False

    def write(self, txn: lmdb.Transaction[bytes], seq: int, appends: list[Append]) -> Added:
        """Adds what the appends count, in the commit whose first row is `seq`. `applied` must follow it."""
        added = self.usage.added(appends)
        self._in_doubt = True
        totals = [
            (
                _MONTH.pack(month) + project_id.encode(),
                _TOTAL.pack(self.usage.total(month, project_id) + more),
            )
            for (month, project_id), more in added.events.items()
        ]
        if totals:
            with txn.cursor(self._totals) as cursor:
                cursor.putmulti(totals)
        if added.ids:
            self._forget(txn)
            txn.put(key_of(seq), "".join(added.ids).encode(), db=self._ids)
        return added

    def applied(self, seq: int, added: Added) -> None:
        """The transaction is on disk."""
        if added.events or added.ids:
            self._note_generation(key_of(seq), self.usage.apply(added))
        self._in_doubt = False

    def _note_generation(self, key: bytes, ended: bool) -> None:
        """Two generations are remembered: what is before the older one's first key may go."""
        if ended:
            self._keep_from, self._next_keep_from = self._next_keep_from, key

    def _forget(self, txn: lmdb.Transaction[bytes]) -> None:
        with txn.cursor(self._ids) as cursor:
            left = cursor.first()
            for _ in range(FORGOTTEN_A_COMMIT):
                if not left or cursor.key() >= self._keep_from:
                    return
                cursor.delete()
                left = bool(cursor.key())

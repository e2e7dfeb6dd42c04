"""Idempotency keys of the last day, in the log's own environment: written by the commit that stores the rows.

once     hash of the key → digest | seq, 8 bytes | end, 8 bytes (milliseconds since 1970)
expiry   end, 8 bytes | hash of the key → nothing

They share the log's bound, and are never drained: unbounded, 40 keys a second would fill a log of 1 GiB in a
day and keep it full. So the oldest are forgotten early where they take more than their part. A retry after
that is stored once all the same, since the ids of its rows are derived; only its 409 is lost.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import timedelta
from typing import Final

import lmdb

from storage.log import KeyReused, Once, Outcome

REMEMBERED: Final = timedelta(hours=24)
FORGOTTEN_A_KEY: Final = 2
"""Keys removed for each new one: more than one, so that they do not pile up."""

BYTES_A_KEY: Final = 256
"""About what a key takes, both tables together."""

_END = struct.Struct(">Q")
_TAIL = struct.Struct(">QQ")


class OnceKeys:
    """The two tables, `most_bytes` together. `now_ms` is the wall clock: a key outlives restarts."""

    def __init__(self, env: lmdb.Environment, *, now_ms: Callable[[], int], most_bytes: int) -> None:
        self._once = env.open_db(b"once")
        self._expiry = env.open_db(b"expiry")
        self._now_ms = now_ms
        self._most_pages = most_bytes // int(env.stat()["psize"])

    @property
    def tables(self) -> tuple[lmdb._Database, ...]:
        """For whoever looks at everything."""
        return self._once, self._expiry

    def seen(self, txn: lmdb.Transaction[bytes], once: Once) -> Outcome | None:
        """The first attempt's seq, KeyReused for another one's key, None for a key that is new."""
        found = txn.get(once.key, db=self._once)
        if found is None:
            return None
        seq, end = _TAIL.unpack_from(found, len(found) - _TAIL.size)
        if end <= self._now_ms():
            return None
        return int(seq) if found[: -_TAIL.size] == once.digest else KeyReused()

    def remember(self, txn: lmdb.Transaction[bytes], once: Once, seq: int) -> None:
        """Remembers a key from now on, and forgets some that have expired, or the oldest for want of room."""
        now_ms = self._now_ms()
        stats = [txn.stat(table) for table in self.tables]
        full = sum([s["branch_pages"] + s["leaf_pages"] for s in stats]) > self._most_pages
        self._forget(txn, None if full else now_ms)
        end = now_ms + REMEMBERED // timedelta(milliseconds=1)
        txn.put(once.key, once.digest + _TAIL.pack(seq, end), db=self._once)
        txn.put(_END.pack(end) + once.key, b"", db=self._expiry)

    def _forget(self, txn: lmdb.Transaction[bytes], ended_ms: int | None) -> None:
        with txn.cursor(self._expiry) as cursor:
            left = cursor.first()
            for _ in range(FORGOTTEN_A_KEY):
                if not left or (ended_ms is not None and _END.unpack_from(cursor.key())[0] > ended_ms):
                    return
                end, key = cursor.key()[: _END.size], cursor.key()[_END.size :]
                if (found := txn.get(key, db=self._once)) is not None and found.endswith(end):
                    txn.delete(key, db=self._once)  # not a later use of the same key
                cursor.delete()
                left = bool(cursor.key())

"""Idempotency keys of the last day, in the log's own environment: written by the commit that stores the rows.

once     hash of the key → digest | seq, 8 bytes | end, 8 bytes (milliseconds since 1970)
expiry   end, 8 bytes | hash of the key → nothing
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import timedelta
from typing import Final

import lmdb

from storage.log import KeyReused, Once, Outcome

REMEMBERED: Final = timedelta(hours=24)
EXPIRED_A_KEY: Final = 2
"""Expired keys removed for each new one: more than one, so that they do not pile up."""

BYTES_A_KEY: Final = 256
"""About what a key takes, both tables together."""

_END = struct.Struct(">Q")
_TAIL = struct.Struct(">QQ")


class OnceKeys:
    """The two tables. `now_ms` is the wall clock: a key outlives restarts."""

    def __init__(self, env: lmdb.Environment, *, now_ms: Callable[[], int]) -> None:
        self._once = env.open_db(b"once")
        self._expiry = env.open_db(b"expiry")
        self._now_ms = now_ms

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
        """Remembers a key from now on, and forgets some that have expired."""
        now_ms = self._now_ms()
        self._forget(txn, now_ms)
        end = now_ms + REMEMBERED // timedelta(milliseconds=1)
        txn.put(once.key, once.digest + _TAIL.pack(seq, end), db=self._once)
        txn.put(_END.pack(end) + once.key, b"", db=self._expiry)

    def _forget(self, txn: lmdb.Transaction[bytes], now_ms: int) -> None:
        with txn.cursor(self._expiry) as cursor:
            left = cursor.first()
            for _ in range(EXPIRED_A_KEY):
                if not left or _END.unpack_from(cursor.key())[0] > now_ms:
                    return
                end, key = cursor.key()[: _END.size], cursor.key()[_END.size :]
                if (found := txn.get(key, db=self._once)) is not None and found.endswith(end):
                    txn.delete(key, db=self._once)  # not a later use of the same key
                cursor.delete()
                left = bool(cursor.key())

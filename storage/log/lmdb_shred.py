"""Overwrites what deleted rows have left in an LMDB file, in its free pages and in the gaps of the others.

LMDB has no call for it, but two habits that serve. It takes free pages in the order in which they were freed,
so zeros that are written into a table of their own and dropped again, a round after the other, pass through
every free page. And it copies a page that it changes without the gap between its entries, into a buffer that
it has used before: so entries are put back as they are while every buffer holds zeros or entries that live.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import lmdb

from storage.log.codec import key_of

ROUND_PAGES: Final = 2_048
"""Pages of one round (8 MiB, some 20 ms): appends wait no longer than that."""

SHARE_OF_MAP: Final = 20
"""A round takes no more than this part of the map; the log leaves a fifth of it free."""

_PAGE_HEADER, _NODE, _KEY, _POINTER = 16, 8, 8, 2
_TABLE: Final = b"zeros"


class Shredder:
    """One environment and all `tables` in it. For one thread at a time."""

    def __init__(self, env: lmdb.Environment, tables: Iterable[lmdb._Database]) -> None:
        self._env = env
        self._tables = tuple(tables)
        self._zeros = env.open_db(_TABLE)
        self._page_bytes, map_bytes = int(env.stat()["psize"]), int(env.info()["map_size"])
        self._round_pages = max(1, min(ROUND_PAGES, map_bytes // self._page_bytes // SHARE_OF_MAP))
        # Two values fill a page: a page of zeros has no gap.
        self._value = bytes((self._page_bytes - _PAGE_HEADER) // 2 - _POINTER - _NODE - _KEY)
        self._drop()

    def shred(self) -> None:
        """No row that was deleted before is in the file when it returns. Raises what LMDB raises."""
        self._round()
        for table in self._tables:
            self._put_back(table)
        pages = int(self._env.info()["last_pgno"]) + 1
        for _ in range(0, pages + self._round_pages, self._round_pages):
            self._round()

    def _round(self) -> None:
        items = ((key_of(number), self._value) for number in range(2 * self._round_pages))
        with self._env.begin(db=self._zeros, write=True) as txn, txn.cursor() as cursor:
            cursor.putmulti(items, append=True)
        self._drop()

    def _drop(self) -> None:
        with self._env.begin(write=True) as txn:
            txn.drop(self._zeros, delete=False)

    def _put_back(self, table: lmdb._Database) -> None:
        """Writes every entry again as it is, in steps: a table may hold as much as the log's bound."""
        after: bytes | None = b""
        while after is not None:
            with self._env.begin(db=table, write=True) as txn, txn.cursor() as cursor:
                after = self._step(cursor, after)

    def _step(self, cursor: lmdb.Cursor[bytes], after: bytes) -> bytes | None:
        room = self._round_pages * self._page_bytes
        left = cursor.set_range(after + b"\0") if after else cursor.first()
        while left:
            key, value = cursor.item()
            cursor.put(key, value)
            room -= len(value)
            if room <= 0:
                return key
            left = cursor.next()
        return None

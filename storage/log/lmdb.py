"""The durable log of a cell of one machine, in one LMDB environment that one process opens once.

Synced at each commit, and never with `writemap`: that flag returns before the data is on disk. Freed pages
are used again, so the file grows to the most that ever waited and no further.
"""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import lmdb

from mesh.clock import wall_ms
from storage.folders import sync_folders
from storage.log import (
    Append,
    Block,
    DeadLetter,
    LogFailed,
    LogFull,
    LogStats,
    Outcome,
    Record,
    Rows,
)
from storage.log.blocks import only
from storage.log.codec import block_of, dead_of, dead_value, key_of, last_of, pack, seq_of, size_of
from storage.log.committer import Committer
from storage.log.lmdb_errors import typed_errors
from storage.log.lmdb_format import bring_up_to_date
from storage.log.lmdb_once import BYTES_A_KEY, OnceKeys
from storage.log.lmdb_shred import Shredder
from storage.log.lmdb_usage import UsageTables

FILL: Final = 0.8
"""Appends stop at this part of the map: on a truly full one even deleting fails (measured)."""

KEYS: Final = 0.25
"""Part of that which idempotency keys may take."""

DELETE_STEP: Final = 500
"""Blocks deleted in one transaction: appends wait no longer than one step."""

READ_BYTES: Final = 32 << 20
"""A read stops after so many bytes, and takes one block at least."""

_CURSOR: Final = b"cursor"
_LOG_ID: Final = b"log_id"
_ERASED: Final = b"erased"


_NOBODY: Final = 1 << 64


class LmdbLog:
    """DurableLog on LMDB. Make it with `open`; stop its writer before `close`."""

    def __init__(self, *, env: lmdb.Environment, max_bytes: int, now_ms: Callable[[], int]) -> None:
        self._env = env
        self._blocks = env.open_db(b"blocks")
        self._dead = env.open_db(b"dead")
        self._meta = env.open_db(b"meta")
        self._bound_bytes = int(max_bytes * FILL)
        self._once = OnceKeys(env, now_ms=now_ms, most_bytes=int(self._bound_bytes * KEYS))
        self._usage = UsageTables(env, now_ms=now_ms, bound_bytes=self._bound_bytes)
        self._tables = (self._blocks, self._dead, self._meta, *self._once.tables, *self._usage.tables)
        self._shredder = Shredder(env, self._tables)
        self._now_ms = now_ms
        self._page_bytes = int(env.stat()["psize"])
        self._grown = threading.Condition()
        self._closed = False
        self._wanted = _NOBODY
        self.log_id, self._cursor, self._last = self._recover()
        self._committer = Committer(store=self._store, name="log-committer")

    @classmethod
    def open(cls, path: Path, *, max_bytes: int = 1 << 30, now_ms: Callable[[], int] = wall_ms) -> LmdbLog:
        """Opens the log in the folder `path`, or makes it there. The file is `max_bytes` at most.

        A log of an older format is converted. Raises LogFailed for one of a newer format.
        """
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        size = -(-max_bytes // 4096) * 4096
        env = lmdb.open(os.fspath(path), map_size=size, max_dbs=10, mode=0o600, readahead=False)
        sync_folders([path, path.parent])
        return cls(env=env, max_bytes=size, now_ms=now_ms)

    async def append(self, appends: Sequence[Append]) -> list[Outcome]:
        """Stores each append whole or not at all, synced, and answers each."""
        return await self._committer.append(appends)

    @property
    def usage(self) -> Mapping[int, Mapping[str, int]]:
        """Live events by month and project id."""
        return self._usage.usage.totals

    def read(self, after: int, limit: int) -> list[Block]:
        """Blocks beyond `after`. The transaction is closed on return: an open one stops page reuse."""
        after = max(after, self._cursor)  # a block is deleted whole, once the cursor is past its last row
        found: list[Block] = []
        rows = size = 0
        with self._env.begin(db=self._blocks) as txn, txn.cursor() as cursor:
            # The block that holds `after` may go on beyond it.
            if not (cursor.prev() if cursor.set_range(key_of(after + 1)) else cursor.last()):
                cursor.first()
            for key, value in cursor.iternext():
                if last_of(key, value) <= after:
                    continue
                size += len(value)
                if rows >= limit or (found and size > READ_BYTES):
                    break
                found.append(block_of(key, value))
                rows += len(found[-1].rows)
        return only(found[:1], lambda seq: seq > after) + found[1:]

    def commit(self, seq: int, *, erased: bool = False) -> None:
        """Moves the cursor first, then deletes in steps: what a kill leaves between, `open` removes."""
        with typed_errors(), self._env.begin(write=True) as txn:
            cursor = self._stored_cursor(txn)
            last = self._last_seq(txn, cursor)
            if not cursor <= seq <= last:
                raise ValueError(f"cursor {cursor} can't move to {seq}: the log ends at {last}")
            txn.put(_CURSOR, key_of(seq), db=self._meta)
            if erased:
                txn.put(_ERASED, b"", db=self._meta)
            more = self._delete_step(txn, seq)
        self._cursor = seq
        if more:
            self._purge(seq)

    def shred(self) -> None:
        """Overwrites free pages and gaps of the file, then forgets that it was asked for."""
        with self._env.begin(db=self._meta) as txn:
            asked = txn.get(_ERASED) is not None
        if asked:
            with typed_errors():
                self._shredder.shred()
                with self._env.begin(db=self._meta, write=True) as txn:
                    txn.delete(_ERASED)

    def cursor(self) -> int:
        """Everything up to here is stored or a dead letter."""
        return self._cursor

    def wait_for(self, after: int, timeout_s: float) -> bool:
        """Blocks until something lies beyond `after`."""
        deadline_s = time.monotonic() + timeout_s
        with self._grown:
            while self._last <= after and not self._closed:
                # Woken for what it waits for only: a wake-up for each commit would cost more than the commit.
                self._wanted = min(self._wanted, after + 1)
                if not self._grown.wait(deadline_s - time.monotonic()):
                    break
            return self._last > after

    def dead_letter(self, record: Record, reason: str) -> None:
        """Keeps a record that can't be stored, under its own `seq`."""
        value = dead_value(DeadLetter(record, reason, self._now_ms()))
        with typed_errors(), self._env.begin(db=self._dead, write=True) as txn:
            txn.put(key_of(record.seq), value, overwrite=False)

    def dead_letters(self, after: int = 0) -> list[DeadLetter]:
        """Dead letters beyond `after`, in order."""
        with self._env.begin(db=self._dead) as txn, txn.cursor() as cursor:
            found = cursor.set_range(key_of(after + 1))
            return [dead_of(key, value) for key, value in cursor.iternext()] if found else []

    def replay(self, seq: int) -> int | None:
        """Puts a dead letter's row at the end of the log, in the transaction that takes the letter away."""
        key = key_of(seq)
        with typed_errors(), self._env.begin(write=True) as txn:
            if (value := txn.pop(key, db=self._dead)) is None:
                return None
            record = dead_of(key, value).record
            parts = [Rows(record.table, record.project_id, [record.row])]
            if size_of(parts) > self._bound_bytes - self._used_bytes(txn):
                raise LogFull
            place = self._last_seq(txn, self._stored_cursor(txn)) + 1
            for new_key, block in pack(place, iter(parts)):
                txn.put(new_key, block, db=self._blocks)
        self._has_grown(place)
        return place

    def drop(self, seq: int) -> bool:
        """Forgets a dead letter."""
        with typed_errors(), self._env.begin(db=self._dead, write=True) as txn:
            return bool(txn.delete(key_of(seq)))

    def stats(self) -> LogStats:
        """Counters and space of now; space is pages in use, not the size of the file."""
        with self._env.begin() as txn:
            dead = int(txn.stat(self._dead)["entries"])
            used = self._used_bytes(txn)
        return LogStats(self._last, self._cursor, self._last - self._cursor, dead, used, self._bound_bytes)

    def scan(self, needle: bytes) -> tuple[int, int]:
        """Looks into every key and value of every table of the environment."""
        examined = hits = 0
        with self._env.begin() as txn:
            for db in self._tables:
                with txn.cursor(db) as cursor:
                    for key, value in cursor.iternext():
                        examined += 1
                        hits += needle in key or needle in value
        return examined, hits

    def close(self) -> None:
        """Commits what waits, then closes."""
        if self._closed:
            return
        self._committer.close()
        with self._grown:
            self._closed = True
            self._grown.notify_all()
        self._env.close()

    def _recover(self) -> tuple[str, int, int]:
        with typed_errors():
            bring_up_to_date(self._env, blocks=self._blocks, meta=self._meta)
        with typed_errors(), self._env.begin(db=self._meta, write=True) as txn:
            stored_id = txn.get(_LOG_ID)
            log_id = stored_id.decode() if stored_id else f"log_{secrets.token_hex(8)}"
            if not stored_id:
                txn.put(_LOG_ID, log_id.encode())
            cursor = self._stored_cursor(txn)
            last = self._last_seq(txn, cursor)
            self._usage.load(txn)
        self._purge(cursor)
        return log_id, cursor, last

    def _store(self, appends: list[Append]) -> list[Outcome]:
        """One commit for all appends; one that would pass the bound is refused, and the rest goes on."""
        outcomes: list[Outcome] = []
        stored: list[Append] = []
        with typed_errors(), self._env.begin(write=True) as txn:
            # The numbers come from the file, not from memory: a commit may have failed after it was written,
            # and the writer's thread may have emptied the log and not yet have said where the cursor is.
            first = seq = self._last_seq(txn, self._stored_cursor(txn)) + 1
            self._usage.load(txn)
            room = self._bound_bytes - self._used_bytes(txn)
            for append in appends:
                once = append.once
                if once is not None and (seen := self._once.seen(txn, once)) is not None:
                    outcomes.append(seen)
                    continue
                size = size_of(append.parts) + (BYTES_A_KEY if once is not None else 0)
                if size > room:
                    outcomes.append(LogFull())
                    continue
                room -= size
                if once is not None:
                    self._once.remember(txn, once, seq)
                outcomes.append(seq)
                stored.append(append)
                seq += sum([len(part.rows) for part in append.parts])
            items = list(pack(first, (part for append in stored for part in append.parts)))
            if items:
                with txn.cursor(self._blocks) as cursor:
                    _, added = cursor.putmulti(items, append=True)
                if added != len(items):  # it passes over a key that is not beyond the last, and says nothing
                    raise LogFailed(detail="the log has rows beyond its end")
            counts = self._usage.write(txn, first, stored)
        self._usage.applied(first, counts)
        self._has_grown(seq - 1)
        return outcomes

    def _has_grown(self, last: int) -> None:
        """Another thread may have said more already."""
        with self._grown:
            self._last = max(self._last, last)
            if self._last >= self._wanted:
                self._wanted = _NOBODY
                self._grown.notify_all()

    def _stored_cursor(self, txn: lmdb.Transaction[bytes]) -> int:
        stored = txn.get(_CURSOR, db=self._meta)
        return seq_of(stored) if stored else 0

    def _last_seq(self, txn: lmdb.Transaction[bytes], cursor_seq: int) -> int:
        with txn.cursor(self._blocks) as cursor:
            return max(cursor_seq, last_of(cursor.key(), cursor.value())) if cursor.last() else cursor_seq

    def _used_bytes(self, txn: lmdb.Transaction) -> int:
        stats = [txn.stat(db) for db in self._tables]
        pages = sum(s["branch_pages"] + s["leaf_pages"] + s["overflow_pages"] for s in stats)
        return int(pages) * self._page_bytes

    def _purge(self, seq: int) -> None:
        more = True
        while more:
            with typed_errors(), self._env.begin(write=True) as txn:
                more = self._delete_step(txn, seq)

    def _delete_step(self, txn: lmdb.Transaction[bytes], seq: int) -> bool:
        """Deletes blocks whose last row is not beyond `seq`; whether some are left."""
        with txn.cursor(self._blocks) as cursor:
            left = cursor.first()
            for _ in range(DELETE_STEP):
                if not left or last_of(cursor.key(), cursor.value()) > seq:
                    return False
                cursor.delete()
                left = bool(cursor.key())
            return left

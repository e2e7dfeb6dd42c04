"""The writer: durable log → analytics store, each acknowledged row exactly once, whatever is killed when.

    read a batch → (in doubt: look what is there) → one insert per table → move the cursor

In doubt are the rows that a former run may have inserted beyond the cursor, and those of a batch whose insert
did not say how it ended. Looking is cheap, and only done in doubt.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Final, NamedTuple

from mesh.errors import CrossingRefused
from storage.analytics.engine import Engine
from storage.analytics.errors import RowsRefused
from storage.analytics.guard import StoreGuard
from storage.analytics.readback import ReadBackSink
from storage.log import Block, DurableLog, Record, Table
from storage.log.blocks import count, halves, only, records

ORDER: Final = (Table.ALIASES, Table.PEOPLE, Table.EVENTS)
FIRST_PAUSE_S: Final = 0.05
LONGEST_PAUSE_S: Final = 2.0
SMALLEST_BATCH: Final = 500
BUSY_ROWS: Final = 500
"""Rows that are worth waiting for more: a row of a small insert costs three times as much (measured)."""

_IDLE_S: Final = 0.1

_log = logging.getLogger(__name__)


class WriterStats(NamedTuple):
    """Counters since start. `last_error` is the type of the last failure, empty once a batch went through."""

    rows: int
    batches: int
    dead_letters: int
    refused: int
    failures: int
    last_error: str


class Writer:
    """One thread. `step` is told each point between two effects: a test kills the process there."""

    def __init__(
        self,
        *,
        log: DurableLog,
        engine: Engine,
        guard: StoreGuard,
        batch_rows: int = 50_000,
        linger: timedelta = timedelta(milliseconds=250),
        busy_linger: timedelta = timedelta(),
        on_stored: Callable[[list[Block]], None] = lambda _: None,
        step: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._log_store = log
        self._guard = guard
        self._sink = ReadBackSink(handle=engine.writer(), log_id=log.log_id)
        self._batch_rows = self._most_rows = batch_rows
        self._linger_s = linger.total_seconds()
        self._busy_linger_s = max(linger, busy_linger).total_seconds()
        self._on_stored = on_stored
        self._step = step
        self._doubt_until: int | None = None
        self._settled = False
        self._stopping, self._now = threading.Event(), threading.Event()
        self._stored = threading.Condition()
        self._stats = WriterStats(0, 0, 0, 0, 0, "")
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)

    def start(self) -> None:
        """Begins with a look at what a former run left."""
        self._thread.start()

    def stop(self, timeout: timedelta = timedelta(seconds=10)) -> bool:
        """Stores what the log holds, then ends; False if the time was short (the rows stay in the log)."""
        self._stopping.set()
        self._thread.join(timeout.total_seconds())
        self._now.set()
        self._thread.join(timeout.total_seconds())
        return not self._thread.is_alive() and self._log_store.stats().lag == 0

    def flush(self, seq: int | None = None, timeout: timedelta = timedelta(seconds=10)) -> bool:
        """Blocks until everything up to `seq` (all of now) is stored or a dead letter."""
        goal = self._log_store.stats().appended if seq is None else seq
        with self._stored:
            return self._stored.wait_for(lambda: self._log_store.cursor() >= goal, timeout.total_seconds())

    def stats(self) -> WriterStats:
        """Counters of now; lag is the log's to tell."""
        return self._stats

    def _run(self) -> None:
        pause_s = FIRST_PAUSE_S
        while not self._now.is_set():
            try:
                if not self._one_batch():
                    return
                pause_s = FIRST_PAUSE_S
            except Exception as error:  # whatever it was, the rows are in the log: look, and try again
                self._failed(error)
                if self._stopping.is_set() and pause_s >= LONGEST_PAUSE_S:
                    return
                self._now.wait(pause_s)
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    def _one_batch(self) -> bool:
        """False when asked to stop and nothing is left."""
        if not self._settled:
            self._sink.settle()  # as often as it takes: a look before it is done tells nothing
            self._settled = True
        if self._doubt_until is None:
            self._recover()
        batch = self._next_batch()
        if not batch:
            return not self._stopping.is_set()
        self._step("read")
        self._store(batch)
        self._commit(batch)
        return True

    def _recover(self) -> None:
        cursor = self._log_store.cursor()
        self._doubt_until = self._sink.horizon(cursor)
        self._step("recovered")

    def _next_batch(self) -> list[Block]:
        cursor = self._log_store.cursor()
        if not self._log_store.wait_for(cursor, _IDLE_S):
            return []
        if not self._stopping.is_set():
            full = cursor + self._batch_rows - 1
            if not self._log_store.wait_for(full, self._linger_s) and self._lag() >= BUSY_ROWS:
                self._log_store.wait_for(full, self._busy_linger_s - self._linger_s)
        return self._log_store.read(cursor, self._batch_rows)

    def _lag(self) -> int:
        return self._log_store.stats().lag

    def _store(self, batch: list[Block]) -> None:
        try:
            admitted = self._admitted(batch)
            for table in ORDER:
                if blocks := [block for block in admitted if block.table is table]:
                    self._insert(table, blocks)
        except Exception:
            self._doubt_until = max(self._doubt_until or 0, batch[-1].last)
            self._settled = False
            raise

    def _admitted(self, batch: list[Block]) -> list[Block]:
        """Without the rows of projects that are not pinned here, and those that are dead letters already."""
        buried = {letter.record.seq for letter in self._log_store.dead_letters(batch[0].seq - 1)}
        blocks = only(batch, lambda seq: seq not in buried) if buried else batch
        refused: dict[str, str] = {}
        for project_id in {block.project_id for block in blocks}:
            try:
                self._guard.check(project_id)
            except CrossingRefused as refusal:
                refused[project_id] = refusal.public_text
        for record in records([block for block in blocks if block.project_id in refused]):
            self._bury(record, refused[record.project_id], refused=1)
        return [block for block in blocks if block.project_id not in refused]

    def _insert(self, table: Table, blocks: list[Block]) -> None:
        """One insert, in doubt of what is missing; a refused one is halved until the bad row is alone."""
        if blocks[0].seq <= (self._doubt_until or 0):
            blocks = self._sink.missing(table, blocks)
            self._step(f"looked:{table.value}")
        if not blocks:
            return
        self._step(f"inserting:{table.value}")
        try:
            self._sink.insert(table, blocks)
        except RowsRefused as refusal:
            if count(blocks) == 1:
                self._bury(next(records(blocks)), refusal.cause)
                return
            self._doubt_until = max(self._doubt_until or 0, blocks[-1].last)
            for half in halves(blocks):
                self._insert(table, half)
            return
        self._stats = self._stats._replace(rows=self._stats.rows + count(blocks))
        self._step(f"inserted:{table.value}")

    def _bury(self, record: Record, reason: str, refused: int = 0) -> None:
        self._log_store.dead_letter(record, reason)
        stats = self._stats
        self._stats = stats._replace(dead_letters=stats.dead_letters + 1, refused=stats.refused + refused)
        _log.warning("row %d of %s became a dead letter: %s", record.seq, record.project_id, reason)
        self._step("buried")

    def _commit(self, batch: list[Block]) -> None:
        self._step("committing")
        with self._stored:
            self._log_store.commit(batch[-1].last)
            self._stored.notify_all()
        self._on_stored(batch)
        self._batch_rows = min(self._batch_rows * 2, self._most_rows)
        self._stats = self._stats._replace(batches=self._stats.batches + 1, last_error="")
        self._step("committed")

    def _failed(self, error: Exception) -> None:
        """Smaller batches while it fails: a batch may be more than the store's memory allows."""
        name = type(error).__name__
        cause = getattr(error, "cause", "")
        self._stats = self._stats._replace(failures=self._stats.failures + 1, last_error=cause or name)
        self._batch_rows = max(min(SMALLEST_BATCH, self._most_rows), self._batch_rows // 2)
        _log.warning("batch not stored, trying again: %s %s", name, cause, exc_info=not cause)

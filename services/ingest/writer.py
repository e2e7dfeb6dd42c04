"""The writer: durable log → analytics store, each acknowledged row exactly once, whatever is killed when.

    read a batch → (in doubt: look what is there) → one insert per table → move the cursor

In doubt are the rows that a former run may have inserted beyond the cursor, and those of a batch whose insert
did not say how it ended. Looking is cheap, and only done in doubt.

An erasure ends the batch before it. It is carried out when the cursor stands right before it: rows that are
erased are never looked for again, and rows after it are not there yet.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from itertools import takewhile
from typing import Final, NamedTuple

from mesh.errors import CrossingRefused
from services.ingest.erasing import Erasures
from services.ingest.inserting import FIRST_PAUSE_S, Inserter, Suspicion, cause_of, lasting
from storage.analytics.engine import Engine
from storage.analytics.erasing import Eraser
from storage.analytics.guard import StoreGuard
from storage.analytics.readback import ReadBackSink
from storage.log import Block, DurableLog, Record, Table
from storage.log.blocks import only, records

ORDER: Final = (Table.ALIASES, Table.PEOPLE, Table.EVENTS)
LONGEST_PAUSE_S: Final = 2.0
SMALLEST_BATCH: Final = 500
BUSY_ROWS: Final = 500
"""Rows that are worth waiting for more: a row of a small insert costs three times as much (measured)."""

UPKEEP_EVERY: Final = timedelta(seconds=60)
"""Often enough to find a damaged merge while its sources are there (480 s); and all of the log's file is
written where something was erased.
"""

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
        upkeep_every: timedelta = UPKEEP_EVERY,
        on_stored: Callable[[list[Block]], None] = lambda _: None,
        step: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._log_store = log
        self._guard = guard
        self._batch_rows = self._most_rows = batch_rows
        self._linger_s = linger.total_seconds()
        self._busy_linger_s = max(linger, busy_linger).total_seconds()
        self._on_stored = on_stored
        self._step = step
        self._last_begun_s = 0.0
        self._stopping, self._now = threading.Event(), threading.Event()
        self._stored = threading.Condition()
        self._stats = WriterStats(0, 0, 0, 0, 0, "")
        self._sink = ReadBackSink(handle=engine.writer(), log_id=log.log_id)
        self._inserter = Inserter(sink=self._sink, bury=self._bury, step=step, wait=self._now.wait)
        self._erasures = Erasures(log=log, eraser=Eraser(handle=engine.writer()))
        self._suspicion = Suspicion()
        self._upkeep_every_s = upkeep_every.total_seconds()
        self._upkeep_at = time.monotonic()
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

    def gauges(self) -> dict[str, float | str]:
        """For /metrics."""
        return {f"writer_{name}": value for name, value in self._stats._asdict().items()}

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
        self._inserter.recover(self._log_store.cursor())
        self._keep_up()
        batch = self._next_batch()
        if not batch:
            return not self._stopping.is_set()
        self._step("read")
        erasing = batch[0].table is Table.ERASURES
        if erasing:
            self._erase(batch)
        else:
            self._store(batch)
        self._commit(batch, erased=erasing)
        return True

    def _next_batch(self) -> list[Block]:
        cursor = self._log_store.cursor()
        if not self._log_store.wait_for(cursor, _IDLE_S):
            return []
        if not self._stopping.is_set():
            self._let_it_fill(cursor + self._batch_rows - 1)
        self._last_begun_s = time.monotonic()
        return _until_an_order(self._log_store.read(cursor, self._batch_rows))

    def _let_it_fill(self, full: int) -> None:
        """Time between two inserts, not before the first: an event that comes alone is stored at once."""
        since_s = time.monotonic() - self._last_begun_s
        if not self._log_store.wait_for(full, self._linger_s - since_s):
            since_s = max(since_s, self._linger_s)
            if self._log_store.stats().lag >= BUSY_ROWS:
                self._log_store.wait_for(full, self._busy_linger_s - since_s)

    def _store(self, batch: list[Block]) -> None:
        try:
            admitted = self._admitted(batch)
            for table in ORDER:
                if blocks := [block for block in admitted if block.table is table]:
                    self._inserter.insert(table, blocks)
        except Exception:
            self._inserter.doubt(batch[-1].last)
            raise
        self._stats = self._stats._replace(rows=self._inserter.rows)

    def _erase(self, batch: list[Block]) -> None:
        """Orders alone, one after the other; one that can't be carried out is a dead letter like a row."""
        for order in records(self._admitted(batch)):
            self._step("erasing")
            try:
                self._erasures.carry_out(order)
            except Exception as error:
                if lasting(error) or not self._suspicion.confirmed(order.seq, cause_of(error)):
                    raise
                self._bury(order, cause_of(error))
            self._step("erased")

    def _keep_up(self) -> None:
        """Now and then: what merges have written is looked at, what erasures have left is overwritten."""
        if time.monotonic() >= self._upkeep_at:
            self._upkeep_at = time.monotonic() + self._upkeep_every_s  # first: a full disk stops no row
            self._sink.verify()
            self._log_store.shred()

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

    def _bury(self, record: Record, reason: str, refused: int = 0) -> None:
        self._log_store.dead_letter(record, reason)
        stats = self._stats
        self._stats = stats._replace(dead_letters=stats.dead_letters + 1, refused=stats.refused + refused)
        _log.warning("row %d of %s became a dead letter: %s", record.seq, record.project_id, reason)
        self._step("buried")

    def _commit(self, batch: list[Block], *, erased: bool) -> None:
        self._step("committing")
        try:
            with self._stored:
                self._log_store.commit(batch[-1].last, erased=erased)
                self._stored.notify_all()
        except Exception:
            self._inserter.doubt(batch[-1].last)  # stored, and not forgotten: it comes again
            raise
        self._on_stored(batch)
        self._batch_rows = min(self._batch_rows * 2, self._most_rows)
        self._stats = self._stats._replace(batches=self._stats.batches + 1, last_error="")
        self._step("committed")

    def _failed(self, error: Exception) -> None:
        """Smaller batches while it fails: a batch may be more than the store's memory allows."""
        cause = cause_of(error)
        self._stats = self._stats._replace(failures=self._stats.failures + 1, last_error=cause)
        self._batch_rows = max(min(SMALLEST_BATCH, self._most_rows), self._batch_rows // 2)
        unknown = not hasattr(error, "cause")
        _log.warning("batch not stored, trying again: %s", cause, exc_info=unknown)


def _until_an_order(blocks: list[Block]) -> list[Block]:
    """Rows up to the first erasure, or erasures up to the first row."""
    erasing = bool(blocks) and blocks[0].table is Table.ERASURES
    return list(takewhile(lambda block: (block.table is Table.ERASURES) == erasing, blocks))

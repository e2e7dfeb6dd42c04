"""One table's rows of a batch into the store: what is there already is left out, what is refused is found.

A row that the store says it can't take is a dead letter at once. An error that is in no list may be the
store's or a row's: the batch is tried again, and when it has failed so TRIES times it is halved like a
refused one; a row alone is tried as often before it is a dead letter too. What waiting or a person mends is
tried for ever.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from mesh.errors import Unavailable
from storage.analytics.errors import RowsRefused, StoreFailed
from storage.analytics.readback import ReadBackSink
from storage.log import Block, Record, Table
from storage.log.blocks import count, halves, records

TRIES: Final = 5
FIRST_PAUSE_S: Final = 0.05

Bury = Callable[[Record, str], None]


class Stopping(Exception):
    """The process ends while a row is being tried: it stays in the log."""


def cause_of(error: Exception) -> str:
    """A name to show: ClickHouse's of its error, or the type; never a text, which may hold a row."""
    return getattr(error, "cause", "") or type(error).__name__


def lasting(error: Exception) -> bool:
    """Whether trying again for ever is right: the store is away or full, or waits for a person to mend it."""
    return isinstance(error, Unavailable | StoreFailed)


class Suspicion:
    """Counts failures that begin at one row and have one cause. Another row or cause begins again."""

    def __init__(self) -> None:
        self._what: tuple[int, str] = (0, "")
        self._times = 0

    def confirmed(self, seq: int, cause: str) -> bool:
        """Notes a failure; whether there have been TRIES of it."""
        self._times = self._times + 1 if self._what == (seq, cause) else 1
        self._what = (seq, cause)
        return self._times >= TRIES


class Inserter:
    """For one thread. `wait` pauses so many seconds and says whether the process stops."""

    def __init__(
        self, *, sink: ReadBackSink, bury: Bury, step: Callable[[str], None], wait: Callable[[float], bool]
    ) -> None:
        self._sink = sink
        self._bury = bury
        self._step = step
        self._wait = wait
        self._suspicion = Suspicion()
        self._doubt_until: int | None = None
        self._settled = False
        self.rows = 0
        """Rows inserted since start."""

    def recover(self, cursor: int) -> None:
        """Before each batch: after a start, or an insert that did not say how it ended, nothing may run."""
        if not self._settled:
            self._sink.settle()  # as often as it takes: a look before it is done tells nothing
            self._settled = True
        if self._doubt_until is None:
            self._doubt_until = self._sink.horizon(cursor)
            self._step("recovered")

    def doubt(self, last: int) -> None:
        """Nobody knows what of the rows up to `last` is in the store."""
        self._doubt_until = max(self._doubt_until or 0, last)
        self._settled = False

    def insert(self, table: Table, blocks: list[Block], *, suspected: bool = False) -> None:
        """Rows of one table. Raises what is to be tried again."""
        if blocks[0].seq <= (self._doubt_until or 0):
            blocks = self._sink.missing(table, blocks)
            self._step(f"looked:{table.value}")
        if not blocks:
            return
        self._step(f"inserting:{table.value}")
        try:
            self._sink.insert(table, blocks)
        except RowsRefused as refusal:
            self._divide(table, blocks, refusal.cause, suspected=suspected, tries=1)
        except Exception as error:
            if lasting(error) or not (suspected or self._suspicion.confirmed(blocks[0].seq, cause_of(error))):
                raise
            self.doubt(blocks[-1].last)
            self._divide(table, blocks, cause_of(error), suspected=True, tries=TRIES)
        else:
            self.rows += count(blocks)
            self._step(f"inserted:{table.value}")

    def _divide(self, table: Table, blocks: list[Block], cause: str, *, suspected: bool, tries: int) -> None:
        """Each half by itself; a row alone is a dead letter when it has failed `tries` times."""
        if count(blocks) > 1:
            self._doubt_until = max(self._doubt_until or 0, blocks[-1].last)
            for half in halves(blocks):
                self._settle()
                self.insert(table, half, suspected=suspected)
        elif cause := self._refused_alone(table, blocks, cause, tries):
            self._bury(next(records(blocks)), cause)

    def _refused_alone(self, table: Table, blocks: list[Block], cause: str, tries: int) -> str:
        """Tries a row again that has failed once: why in the end, empty where it was stored after all."""
        for failed in range(1, tries):
            if self._wait(FIRST_PAUSE_S * 2**failed):
                raise Stopping(cause)
            self._settle()
            if not self._sink.missing(table, blocks):
                return ""
            try:
                self._sink.insert(table, blocks)
            except RowsRefused as refusal:
                return refusal.cause
            except Exception as error:
                if lasting(error):
                    raise
                self.doubt(blocks[-1].last)
            else:
                self.rows += 1
                return ""
        return cause

    def _settle(self) -> None:
        if not self._settled:
            self._sink.settle()
            self._settled = True

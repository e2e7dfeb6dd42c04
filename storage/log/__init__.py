"""The durable log: a region's queue on disk between "accepted" and "in ClickHouse".

Holds the seam (`DurableLog`), its values and its errors, and one file for each backend. Knows nothing of
what a row means: a row is a table, the project it belongs to, and bytes that are never re-encoded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import ClassVar, Final, NamedTuple, Protocol

import msgspec

from mesh.errors import Conflict, SankofaError, Unavailable
from sankofa.residency.v1.error_pb2 import ErrorReason

ID_CHARACTERS: Final = 10
"""Of an id, for counting it once: 59 bits, so that one new event of 10^12 is taken for a repetition."""


class Table(Enum):
    """Which table of the analytics store a row is for.

    ERASURES is none: such a row is an order, carried out in its place among the others.
    """

    EVENTS = "events"
    PEOPLE = "people"
    ALIASES = "aliases"
    ERASURES = "erasures"


class Rows(msgspec.Struct, frozen=True, gc=False):
    """Rows of one table and one project, in order, to be made durable.

    A row is the tail of a JSONEachRow line, all that follows its opening brace: b'"id":"evt_…",…}' with no
    newline at its end. Its fields are in storage/analytics/tables.py. `log_id` and `log_seq` are not in it.
    """

    table: Table
    project_id: str
    rows: Sequence[bytes]


class Once(msgspec.Struct, frozen=True, gc=False):
    """What makes an append happen once: the hash of its key, and the digest of all that it says."""

    key: bytes
    digest: bytes


class Counted(msgspec.Struct, frozen=True, gc=False):
    """Live events that an append adds to a project's month (202611 is November 2026, UTC); see usage.py.

    `ids`: ID_CHARACTERS of the row's id for each of them that has an id of the client's, and may come again.
    """

    project_id: str
    month: int
    events: int
    ids: Sequence[str] = ()


class Append(msgspec.Struct, frozen=True, gc=False):
    """What is stored whole or not at all: at least one row. `counted` is counted with it, once."""

    parts: Sequence[Rows]
    once: Once | None = None
    counted: Counted | None = None


class Block(msgspec.Struct, frozen=True, gc=False):
    """Rows with their places in the log: `seq` is the first one's, the others follow without a gap.

    Numbers begin at 1 and are never used twice.
    """

    seq: int
    table: Table
    project_id: str
    rows: Sequence[bytes]

    @property
    def last(self) -> int:
        """The place of its last row."""
        return self.seq + len(self.rows) - 1


class Record(msgspec.Struct, frozen=True, gc=False):
    """One row with its place in the log."""

    seq: int
    table: Table
    project_id: str
    row: bytes


class DeadLetter(msgspec.Struct, frozen=True, gc=False):
    """A row that can't be stored, why, and since when: milliseconds since 1970, 0 where nobody noted it."""

    record: Record
    reason: str
    at_ms: int


class LogStats(NamedTuple):
    """Last sequence numbers appended and committed, their difference, and space: all of it since creation."""

    appended: int
    committed: int
    lag: int
    dead_letters: int
    used_bytes: int
    bound_bytes: int


class LogFull(Unavailable):
    """The log is over its bound or the disk is full: nothing was stored, try again later."""

    default: ClassVar[ErrorReason] = ErrorReason.ERROR_REASON_LOG_FULL


class LogFailed(Unavailable):
    """The disk refused a commit, or the log is closed: nothing was acknowledged."""


class KeyReused(Conflict):
    """The key of an append came before, with something else."""

    default: ClassVar[ErrorReason] = ErrorReason.ERROR_REASON_IDEMPOTENCY_KEY_REUSED


Outcome = int | SankofaError
"""The `seq` of an append's first row (a repetition's is that of the first attempt), or why it is refused."""


class DurableLog(Protocol):
    """What a log does. Only `append` is called on an event loop; the rest blocks and is the writer's."""

    @property
    def log_id(self) -> str:
        """Random, made with the log; with `seq` it names a row for ever."""

    async def append(self, appends: Sequence[Append]) -> list[Outcome]:
        """Stores each append whole or not at all, synced to disk when it returns, and answers each.

        A repetition (equal `once` within 24 hours) is stored already and not stored again. Answers LogFull
        and KeyReused; raises LogFailed where nothing was stored. Cancelling it takes nothing back.
        """

    @property
    def usage(self) -> Mapping[int, Mapping[str, int]]:
        """Live events by month and project id, each counted in the commit of its row. Read, never changed."""

    def read(self, after: int, limit: int) -> list[Block]:
        """Blocks of the rows beyond `after` and the cursor, in order: about `limit` rows."""

    def commit(self, seq: int, *, erased: bool = False) -> None:
        """Moves the cursor to `seq`, durably, and deletes what is not beyond it.

        `erased`: what is deleted is to leave no trace; the next `shred` sees to that, also after a kill.
        """

    def shred(self) -> None:
        """Overwrites what deleted rows left on the disk, where a commit asked for it since the last time."""

    def cursor(self) -> int:
        """Everything up to here is in the analytics store or a dead letter."""

    def wait_for(self, after: int, timeout_s: float) -> bool:
        """Blocks until something lies beyond `after`; False after the time-out or when the log closes."""

    def dead_letter(self, record: Record, reason: str) -> None:
        """Keeps a record that can't be stored, durably; the same record twice is kept once."""

    def dead_letters(self, after: int = 0) -> list[DeadLetter]:
        """Dead letters beyond `after`, in order."""

    def replay(self, seq: int) -> int | None:
        """Puts a dead letter's row at the end of the log and takes it from the dead letters, in one step.

        Answers its new place; None where there is no such dead letter. Raises LogFull, LogFailed.
        """

    def drop(self, seq: int) -> bool:
        """Forgets a dead letter for ever; whether there was one."""

    def stats(self) -> LogStats:
        """Counters and space of now."""

    def scan(self, needle: bytes) -> tuple[int, int]:
        """(keys and values examined, of them with the needle), dead letters included."""

    def close(self) -> None:
        """Stops committing; appends that wait fail with LogFailed."""

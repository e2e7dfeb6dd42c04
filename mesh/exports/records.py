"""What a region keeps of exports. The Protocols here are storage's to fulfil, once for each kind of log.

`scope` is whose log it is: an organisation or a project.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Literal, Protocol

from mesh.numbered import R

ExportState = Literal["pending", "ready", "expired"]


@dataclass(frozen=True, slots=True)
class Export:
    """An export of the rows of a time, from `since_ms` until before `until_ms`. Times 0: not yet."""

    scope: str
    export_id: str
    state: ExportState
    created_by: str
    created_at_ms: int
    since_ms: int
    until_ms: int
    rows: int = 0
    bytes: int = 0
    ready_at_ms: int = 0


class OrderRecords(Protocol):
    """Ordering an export and fetching its file are in the very log, in the same transaction.

    All methods raise Unavailable; those that write raise Unavailable(ORG_MOVING) and
    CrossingRefused(ORG_MOVED) where the log is on its way to another region.
    """

    async def add(self, export: Export, *, most_pending: int, most_kept: int) -> None:
        """Writes an order. Raises Conflict where too many are pending, or pending and ready together."""

    async def every(self, scope: str) -> list[Export]:
        """Of one log, newest first, 100 at most."""

    async def one(self, scope: str, export_id: str) -> Export | None:
        """An export."""

    async def fetched(self, export: Export) -> None:
        """Notes that its file was fetched."""


class FileRecords(Protocol[R]):
    """What is to be made, of what, and what was. All methods raise Unavailable."""

    async def pending(self) -> list[Export]:
        """Every order that is yet to be carried out, oldest first."""

    async def rows(self, export: Export, *, after_seq: int, limit: int) -> list[R]:
        """A page of its rows, in the order of the log."""

    async def ready(self, export: Export, *, rows: int, size: int, now_ms: int) -> None:
        """Its file is there."""

    async def expire(self, ready_before_ms: int) -> None:
        """Exports that have been ready for long enough are ready no more."""

    async def lose(self, export_ids: Iterable[str]) -> None:
        """These are ready no more, either: their files are not here."""

    async def forget(self, ready_before_ms: int) -> None:
        """Exports that are ready no more, and were before that time, are as if they had never been."""

    async def with_files(self) -> set[str]:
        """The ids of all exports that are ready: a file of any other has nothing to be there for."""


class ExportRecords(OrderRecords, FileRecords[R], Protocol[R]):
    """Both: orders, and what becomes of them."""


class Files(Protocol):
    """Where the region keeps the files, one folder for each kind of log. All methods raise Unavailable."""

    async def write(self, name: str, texts: AsyncIterator[str]) -> int:
        """Writes pieces of text as they come; the size in bytes. Cut off, it leaves nothing of a name."""

    async def has(self, name: str) -> bool:
        """Whether it is there."""

    def read(self, name: str) -> AsyncIterator[bytes]:
        """Its pieces."""

    async def names(self) -> list[str]:
        """Every file there is."""

    async def delete(self, names: Iterable[str]) -> None:
        """Files that are gone already are no fault."""

    async def sweep(self) -> None:
        """At start: what a kill left half written."""

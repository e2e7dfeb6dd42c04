"""What a region keeps of the exports of its organisations' audit logs. The files are blobs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from storage.records.audit.chain import AuditRow

ExportState = Literal["pending", "ready", "expired"]


@dataclass(frozen=True, slots=True)
class Export:
    """An export of the rows of a time, from `since_ms` until before `until_ms`. Times 0: not yet."""

    org_id: str
    export_id: str
    state: ExportState
    created_by: str
    created_at_ms: int
    since_ms: int
    until_ms: int
    rows: int = 0
    bytes: int = 0
    ready_at_ms: int = 0


class ExportRecords(Protocol):
    """Ordering an export and fetching its file are in the organisation's log, in the same transaction.

    All methods raise Unavailable; those that write for an organisation raise Unavailable(ORG_MOVING) and
    CrossingRefused(ORG_MOVED) where it is on its way to another region.
    """

    async def add(self, export: Export, *, most_pending: int) -> None:
        """Writes an order. Raises Conflict where too many are pending."""

    async def every(self, org_id: str) -> list[Export]:
        """An organisation's exports, newest first, 100 at most."""

    async def one(self, org_id: str, export_id: str) -> Export | None:
        """An export."""

    async def fetched(self, export: Export) -> None:
        """Notes that its file was fetched."""

    async def pending(self) -> list[Export]:
        """Every order that is yet to be carried out, oldest first."""

    async def rows(self, export: Export, *, after_seq: int, limit: int) -> list[AuditRow]:
        """A page of its rows, in the order of the log."""

    async def ready(self, export: Export, *, rows: int, size: int, now_ms: int) -> None:
        """Its file is there."""

    async def expire(self, ready_before_ms: int) -> None:
        """Exports that have been ready for long enough are ready no more."""

    async def with_files(self) -> set[str]:
        """The ids of all exports that are ready: a file of any other has nothing to be there for."""

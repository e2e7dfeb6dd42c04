"""Counts rows of an audit log over a long time, in its mirror."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from mesh.clock import wall_ms
from mesh.errors import NotFound
from storage.analytics.audit_mirror import KEPT, AuditMirrorStore
from storage.records.audit.mirrored import MirrorRecords
from storage.records.audit.reading import AuditRecords, Log

_DAY_MS = timedelta(days=1) // timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Counts:
    """Values with how many rows have them, most first; and how many rows are yet to be mirrored."""

    of: Sequence[tuple[str, int]]
    behind: int


class Counter:
    """For the logs of one region. What the records have let go is not counted, mirrored still or not."""

    def __init__(
        self,
        *,
        audit: AuditRecords,
        records: MirrorRecords,
        store: AuditMirrorStore,
        clock_ms: Callable[[], int] = wall_ms,
    ) -> None:
        self._audit = audit
        self._records = records
        self._store = store
        self._clock_ms = clock_ms

    async def count(self, scope: str, by: str, since_ms: int, until_ms: int) -> Counts:
        """Writes into the log that it was read. Raises NotFound, Unavailable."""
        log = Log.ORG if scope.startswith("org_") else Log.PROJECT
        head = await self._audit.head(log, scope)
        if head is None:
            raise NotFound(detail=f"{scope} has no audit log in this region")
        now_ms = self._clock_ms()
        since = max(since_ms, now_ms - KEPT // timedelta(milliseconds=1))
        until = min(until_ms or now_ms + _DAY_MS, now_ms + _DAY_MS)
        found = await self._store.count_by(by, scope, head.first_seq, since, until)
        given = await self._records.mirrored(scope) or 0
        told = {"counted_by": by, "since": since_ms, "until": until_ms}
        await self._audit.was_read(log, scope, {name: value for name, value in told.items() if value})
        return Counts(found, max(head.seq - max(given, head.first_seq), 0))

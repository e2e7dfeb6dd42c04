"""Compares the mirror of an audit log with the log, row by row."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from typing import Final

from mesh.clock import wall_ms
from services.ingest.mirror.copying import MARGIN
from storage.analytics.audit_mirror import KEPT, AuditMirrorStore
from storage.records.audit.chain import AuditRow
from storage.records.audit.mirrored import MirrorRecords
from storage.records.audit.reading import AuditRecords, Head, Log

ROWS_A_STEP: Final = 1000


class Kind(Enum):
    """How a row of the mirror differs from the log's."""

    MISSING = "missing"
    CHANGED = "changed"
    SURPLUS = "surplus"


@dataclass(slots=True)
class Difference:
    """Rows `seq` to `last`, and the id of the first."""

    kind: Kind
    seq: int
    last: int
    audit_id: str


@dataclass(slots=True)
class Comparison:
    """A log: rows of its mirror, how many it is yet to be given, and what differs."""

    rows: int = 0
    behind: int = 0
    differences: list[Difference] = field(default_factory=list)

    def add(self, kind: Kind, row: AuditRow) -> None:
        """Neighbours of a kind are told together; a changed row is told for itself."""
        last = self.differences[-1] if self.differences else None
        if last and last.kind is kind and kind is not Kind.CHANGED and last.last + 1 == row.seq:
            last.last = row.seq
        else:
            self.differences.append(Difference(kind, row.seq, row.seq, row.audit_id))


class Comparer:
    """For the logs of one region. All methods may raise Unavailable."""

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

    async def scopes(self) -> dict[str, Log | None]:
        """Every log that is here, and whatever else is mirrored."""
        here = {scope: log for log in Log for scope in await self._audit.scopes(log)}
        return dict.fromkeys(await self._store.counts(0)) | here

    async def compare(self, log: Log | None, scope: str) -> Comparison:
        """One log. Where rows are let go meanwhile, it is read again."""
        while True:
            head = await self._head(log, scope)
            compared = await self._compare(log, scope, head)
            if (await self._head(log, scope)).first_seq == head.first_seq:
                return compared

    async def _head(self, log: Log | None, scope: str) -> Head:
        head = None if log is None else await self._audit.head(log, scope)
        return head or Head(0, b"", 0, b"")

    async def _compare(self, log: Log | None, scope: str, head: Head) -> Comparison:
        """Rows that the mirror was not given yet are no difference, whether it has them already or not."""
        given = await self._records.mirrored(scope) or 0
        oldest_ms = self._clock_ms() - (KEPT - MARGIN) // timedelta(milliseconds=1)
        compared = Comparison(behind=max(head.seq - max(given, head.first_seq), 0))
        chain = self._chain(log, scope, head, given, oldest_ms)
        mirror = self._mirror(scope, head.first_seq, oldest_ms)
        row, copy = await anext(chain, None), await anext(mirror, None)
        while row or copy:
            if copy is None or (row is not None and row.seq < copy.seq):
                assert row is not None
                compared.add(Kind.MISSING, row)
                row = await anext(chain, None)
                continue
            compared.rows += 1
            if row is not None and row.seq == copy.seq:
                if row != copy:
                    compared.add(Kind.CHANGED, row)
                row = await anext(chain, None)
            elif copy.seq <= given or copy.seq > (await self._head(log, scope)).seq:
                compared.add(Kind.SURPLUS, copy)
            copy = await anext(mirror, None)
        return compared

    async def _chain(
        self, log: Log | None, scope: str, head: Head, given: int, oldest_ms: int
    ) -> AsyncIterator[AuditRow]:
        """What the mirror should have."""
        after = head.first_seq
        while log is not None:
            some = await self._records.rows(log, scope, after, min(given, head.seq), ROWS_A_STEP)
            for row in some:
                if row.at_ms >= oldest_ms:
                    yield row
            if len(some) < ROWS_A_STEP:
                return
            after = some[-1].seq

    async def _mirror(self, scope: str, after: int, oldest_ms: int) -> AsyncIterator[AuditRow]:
        """What it has."""
        while some := await self._store.rows(scope, after, oldest_ms, ROWS_A_STEP):
            for row in some:
                yield row
            after = some[-1].seq

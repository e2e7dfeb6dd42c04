"""ExportRecords in SQL."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import ColumnElement, Delete, Row, Update, delete, exists, func, insert, select, update

from mesh.errors import Conflict
from mesh.exports.records import Export, ExportState
from sankofa.residency.v1.error_pb2 import ErrorReason
from storage.records.audit.chain import AuditRow
from storage.records.audit.reading import Log
from storage.records.change import Change
from storage.records.engine import Database
from storage.records.outgoing import OUTGOING, Conditions

_RESOURCE: Final = "audit_export"
_LISTED_AT_MOST: Final = 100
_NAMES_AT_ONCE: Final = 1_000
"""A statement takes 32,767 parameters at most, in PostgreSQL's protocol."""


class SqlExportRecords:
    """The exports of the logs of this region's organisations, or of its projects."""

    def __init__(self, database: Database, log: Log) -> None:
        self._database = database
        self._of = OUTGOING[log]
        self._exports = self._of.exports

    async def add(self, export: Export, *, most_pending: int, most_kept: int) -> None:
        """As ExportRecords says."""
        async with self._of.change(self._database, export.scope) as change:
            pending = await self._count(change, export.scope, "pending")
            if pending >= most_pending:
                raise _too_many(f"{most_pending} exports are being made, wait until one is ready")
            if pending + await self._count(change, export.scope, "ready") >= most_kept:
                raise _too_many(
                    f"a log has {most_kept} exports at a time and each goes a day after it is ready, "
                    "fetch one of those that are listed or wait until the oldest is gone"
                )
            values = {
                self._of.scope: export.scope,
                "export_id": export.export_id,
                "state": export.state,
                "created_by": export.created_by,
                "created_at": export.created_at_ms,
                "since": export.since_ms,
                "until": export.until_ms,
            }
            await change.connection.execute(insert(self._exports).values(values))
            change.note(
                "audit.exported",
                _RESOURCE,
                export.export_id,
                after={"since": export.since_ms, "until": export.until_ms},
            )

    async def every(self, scope: str) -> list[Export]:
        """As ExportRecords says."""
        newest = (self._exports.c.created_at.desc(), self._exports.c.export_id)
        query = select(self._exports).where(self._of.whose(self._exports) == scope).order_by(*newest)
        async with self._database.read() as connection:
            return [self._export(row) for row in await connection.execute(query.limit(_LISTED_AT_MOST))]

    async def one(self, scope: str, export_id: str) -> Export | None:
        """As ExportRecords says."""
        query = select(self._exports).where(*self._is(scope, export_id))
        async with self._database.read() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else self._export(row)

    async def fetched(self, export: Export) -> None:
        """As ExportRecords says."""
        async with self._of.change(self._database, export.scope) as change:
            change.note(
                "audit.export.downloaded",
                _RESOURCE,
                export.export_id,
                after={"rows": export.rows},
            )

    async def pending(self) -> list[Export]:
        """As ExportRecords says."""
        query = select(self._exports).where(
            self._exports.c.state == "pending", ~self._of.leaving(self._exports)
        )
        async with self._database.read() as connection:
            found = await connection.execute(query.order_by(self._exports.c.created_at))
            return [self._export(row) for row in found]

    async def rows(self, export: Export, *, after_seq: int, limit: int) -> list[AuditRow]:
        """As ExportRecords says."""
        rows = self._of.rows
        times = (rows.c.at >= export.since_ms, rows.c.at < export.until_ms)
        query = select(rows).where(self._of.whose(rows) == export.scope, rows.c.seq > after_seq, *times)
        async with self._database.read() as connection:
            found = await connection.execute(query.order_by(rows.c.seq).limit(limit))
            return [self._of.read(row) for row in found]

    async def ready(self, export: Export, *, rows: int, size: int, now_ms: int) -> None:
        """As ExportRecords says."""
        this = self._is(export.scope, export.export_id)
        values = {"state": "ready", "rows": rows, "bytes": size, "ready_at": now_ms}
        async with self._database.write() as connection:
            await connection.execute(update(self._exports).where(*this).values(values))

    async def expire(self, ready_before_ms: int) -> None:
        """As ExportRecords says."""
        over = self._staying("ready", self._exports.c.ready_at < ready_before_ms)
        await self._where_any(over, update(self._exports).where(*over).values(state="expired"))

    async def lose(self, export_ids: Iterable[str]) -> None:
        """As ExportRecords says."""
        lost = list(export_ids)
        for at in range(0, len(lost), _NAMES_AT_ONCE):
            these = self._staying("ready", self._exports.c.export_id.in_(lost[at : at + _NAMES_AT_ONCE]))
            await self._where_any(these, update(self._exports).where(*these).values(state="expired"))

    async def forget(self, ready_before_ms: int) -> None:
        """As ExportRecords says."""
        old = self._staying("expired", self._exports.c.ready_at < ready_before_ms)
        await self._where_any(old, delete(self._exports).where(*old))

    async def with_files(self) -> set[str]:
        """As ExportRecords says."""
        query = select(self._exports.c.export_id).where(self._exports.c.state == "ready")
        async with self._database.read() as connection:
            return set(await connection.scalars(query))

    def _staying(self, state: ExportState, which: ColumnElement[bool]) -> Conditions:
        """What is on its way to another region is left as it is."""
        return self._exports.c.state == state, which, ~self._of.leaving(self._exports)

    async def _where_any(self, these: Conditions, change: Update | Delete) -> None:
        """Mostly there are none: nothing is written each time it is looked."""
        async with self._database.read() as connection:
            if not await connection.scalar(select(exists().where(*these))):
                return
        async with self._database.write() as connection:
            await connection.execute(change)

    async def _count(self, change: Change, scope: str, state: ExportState) -> int:
        these = (self._of.whose(self._exports) == scope, self._exports.c.state == state)
        query = select(func.count()).select_from(self._exports).where(*these)
        return (await change.connection.execute(query)).scalar_one()

    def _is(self, scope: str, export_id: str) -> Conditions:
        return self._of.whose(self._exports) == scope, self._exports.c.export_id == export_id

    def _export(self, row: Row[Any]) -> Export:
        return Export(
            row._mapping[self._of.scope],
            row.export_id,
            row.state,
            row.created_by,
            row.created_at,
            row.since,
            row.until,
            row.rows,
            row.bytes,
            row.ready_at,
        )


def _too_many(detail: str) -> Conflict:
    return Conflict(ErrorReason.ERROR_REASON_TOO_MANY, detail=detail)

"""ExportRecords in SQL."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import ColumnElement, Row, exists, func, insert, select, update

from mesh.errors import Conflict
from sankofa.residency.v1.error_pb2 import ErrorReason
from storage.records.audit.chain import AuditRow
from storage.records.audit.stored import org_row
from storage.records.change import org_change
from storage.records.engine import Database
from storage.records.exports import Export
from storage.records.tables import audit_exports, fences, org_audit

_exports, _log = audit_exports.c, org_audit.c
_RESOURCE: Final = "audit_export"
_LISTED_AT_MOST: Final = 100


class SqlExportRecords:
    """The exports of this region's organisations."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, export: Export, *, most_pending: int) -> None:
        """As ExportRecords says."""
        async with org_change(self._database, export.org_id) as change:
            pending = (_exports.org_id == export.org_id, _exports.state == "pending")
            count = select(func.count()).select_from(audit_exports).where(*pending)
            if (await change.connection.execute(count)).scalar_one() >= most_pending:
                raise Conflict(
                    ErrorReason.ERROR_REASON_TOO_MANY,
                    detail=f"{most_pending} exports are being made, wait until one is ready",
                )
            values = {
                "org_id": export.org_id,
                "export_id": export.export_id,
                "state": export.state,
                "created_by": export.created_by,
                "created_at": export.created_at_ms,
                "since": export.since_ms,
                "until": export.until_ms,
            }
            await change.connection.execute(insert(audit_exports).values(values))
            change.note(
                "audit.exported",
                _RESOURCE,
                export.export_id,
                after={"since": export.since_ms, "until": export.until_ms},
            )

    async def every(self, org_id: str) -> list[Export]:
        """As ExportRecords says."""
        newest = (_exports.created_at.desc(), _exports.export_id)
        query = select(audit_exports).where(_exports.org_id == org_id).order_by(*newest)
        async with self._database.read() as connection:
            return [_export(row) for row in await connection.execute(query.limit(_LISTED_AT_MOST))]

    async def one(self, org_id: str, export_id: str) -> Export | None:
        """As ExportRecords says."""
        query = select(audit_exports).where(_exports.org_id == org_id, _exports.export_id == export_id)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else _export(row)

    async def fetched(self, export: Export) -> None:
        """As ExportRecords says."""
        async with org_change(self._database, export.org_id) as change:
            change.note(
                "audit.export.downloaded",
                _RESOURCE,
                export.export_id,
                after={"rows": export.rows},
            )

    async def pending(self) -> list[Export]:
        """As ExportRecords says."""
        query = select(audit_exports).where(_exports.state == "pending", ~_leaving())
        async with self._database.read() as connection:
            found = await connection.execute(query.order_by(_exports.created_at))
            return [_export(row) for row in found]

    async def rows(self, export: Export, *, after_seq: int, limit: int) -> list[AuditRow]:
        """As ExportRecords says."""
        times = (_log.at >= export.since_ms, _log.at < export.until_ms)
        query = select(org_audit).where(_log.org_id == export.org_id, _log.seq > after_seq, *times)
        async with self._database.read() as connection:
            return [org_row(row) for row in await connection.execute(query.order_by(_log.seq).limit(limit))]

    async def ready(self, export: Export, *, rows: int, size: int, now_ms: int) -> None:
        """As ExportRecords says."""
        this = (_exports.org_id == export.org_id, _exports.export_id == export.export_id)
        values = {"state": "ready", "rows": rows, "bytes": size, "ready_at": now_ms}
        async with self._database.write() as connection:
            await connection.execute(update(audit_exports).where(*this).values(values))

    async def expire(self, ready_before_ms: int) -> None:
        """As ExportRecords says."""
        over = (_exports.state == "ready", _exports.ready_at < ready_before_ms, ~_leaving())
        async with self._database.read() as connection:
            if not await connection.scalar(select(exists().where(*over))):
                return  # mostly: nothing is written each time it looks
        async with self._database.write() as connection:
            await connection.execute(update(audit_exports).where(*over).values(state="expired"))

    async def with_files(self) -> set[str]:
        """As ExportRecords says."""
        query = select(_exports.export_id).where(_exports.state == "ready")
        async with self._database.read() as connection:
            return set(await connection.scalars(query))


def _leaving() -> ColumnElement[bool]:
    """What is on its way to another region is made there."""
    return exists().where(fences.c.subject == _exports.org_id)


def _export(row: Row[Any]) -> Export:
    return Export(
        row.org_id,
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

"""Who may read an organisation's audit log, and whose the ids are that a project's log names."""

from __future__ import annotations

from collections.abc import Sequence

from mesh.errors import NotFound
from mesh.permissions import OrgAction
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.org.callers import Callers
from storage.records.audit.chain import AuditRow
from storage.records.audit.messages import told
from storage.records.audit.reading import AuditRecords, Filter, Log


class OrgAudit:
    """The logs of the organisations whose primary region this is."""

    def __init__(self, *, callers: Callers, records: AuditRecords) -> None:
        self._callers = callers
        self._records = records

    async def page(
        self, token: str | None, org_id: str, which: Filter, limit: int
    ) -> tuple[list[AuditRow], bool]:
        """Rows, newest first, and whether there are older ones. Raises Forbidden."""
        await self._callers.member(token, org_id, OrgAction.READ_AUDIT)
        rows = await self._records.page(Log.ORG, org_id, which, limit + 1)
        await self._records.was_read(Log.ORG, org_id, told(which))
        return rows[:limit], len(rows) > limit

    async def one(self, token: str | None, org_id: str, audit_id: str) -> AuditRow:
        """A row. Raises Forbidden, NotFound."""
        await self._callers.member(token, org_id, OrgAction.READ_AUDIT)
        row = await self._records.one(Log.ORG, org_id, audit_id)
        if row is None:
            raise NotFound(ErrorReason.ERROR_REASON_AUDIT_ROW_NOT_FOUND)
        await self._records.was_read(Log.ORG, org_id, {"audit_id": audit_id})
        return row

    async def emails(self, token: str | None, org_id: str, user_ids: Sequence[str]) -> dict[str, str]:
        """Of those that are known, for any member. Raises Forbidden."""
        await self._callers.member(token, org_id, OrgAction.READ_ORG)
        return await self._records.emails(org_id, user_ids)

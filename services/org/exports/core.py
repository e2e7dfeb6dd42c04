"""Exports of organisations' audit logs: who may order and fetch them, without gRPC and SQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Final

from mesh.clock import wall_ms
from mesh.errors import InvalidInput, NotFound
from mesh.ids import new_id
from mesh.permissions import OrgAction
from mesh.plans import Feature, require_feature
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.org.callers import Callers
from services.org.exports.exporter import Exporter
from services.org.exports.links import Link, Links
from storage.blobs.folder import BlobFolder
from storage.records.exports import Export, ExportRecords

MOST_PENDING: Final = 3


class Exports:
    """The exports of the organisations whose primary region this is."""

    def __init__(
        self,
        *,
        callers: Callers,
        records: ExportRecords,
        files: BlobFolder,
        exporter: Exporter,
        links: Links,
        clock_ms: Callable[[], int] = wall_ms,
    ) -> None:
        self._callers = callers
        self._records = records
        self._files = files
        self._exporter = exporter
        self._links = links
        self._clock_ms = clock_ms

    async def create(self, token: str | None, org_id: str, *, since_ms: int, until_ms: int) -> Export:
        """Orders one of the rows of a time; 0: from the first, up to now.

        Raises Forbidden (PLAN_REQUIRED too), InvalidInput, Conflict where too many are pending.
        """
        member = await self._callers.member(token, org_id, OrgAction.EXPORT_AUDIT)
        require_feature(member.org.plan, Feature.AUDIT_CSV)
        now = self._clock_ms()
        until_ms = min(until_ms or now, now)
        if not 0 <= since_ms < until_ms:
            raise InvalidInput(detail="since must be before until, and in the past")
        export = Export(org_id, new_id("exp"), "pending", member.user_id, now, since_ms, until_ms)
        await self._records.add(export, most_pending=MOST_PENDING)
        self._exporter.wake()
        return export

    async def every(self, token: str | None, org_id: str) -> list[Export]:
        """Newest first. Raises Forbidden."""
        await self._callers.member(token, org_id, OrgAction.EXPORT_AUDIT)
        return await self._records.every(org_id)

    async def one(self, token: str | None, org_id: str, export_id: str) -> tuple[Export, Link | None]:
        """An export, and a link in the caller's name where its file is there. Raises Forbidden, NotFound."""
        member = await self._callers.member(token, org_id, OrgAction.EXPORT_AUDIT)
        export = await self._records.one(org_id, export_id)
        if export is None:
            raise _missing()
        if export.state != "ready":
            return export, None
        return export, self._links.make(org_id, export_id, member.user_id, self._clock_ms())

    async def download(self, org_id: str, export_id: str, link: Link) -> AsyncIterator[bytes]:
        """The pieces of the file. Whom the link was given to must still be one who may have it.

        Raises Forbidden (LINK_INVALID too), NotFound where the file is gone.
        """
        self._links.check(link, org_id, export_id, self._clock_ms())
        await self._callers.member_by_id(link.user_id, org_id, OrgAction.EXPORT_AUDIT)
        export = await self._records.one(org_id, export_id)
        if export is None or export.state != "ready" or not await self._files.has(export_id):
            raise _missing()
        await self._records.fetched(export)
        return self._files.read(export_id)


def _missing() -> NotFound:
    return NotFound(ErrorReason.ERROR_REASON_EXPORT_NOT_FOUND)

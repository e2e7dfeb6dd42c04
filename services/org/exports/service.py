"""AuditExportService on the wire: parse, call, convert."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from mesh.context import current
from sankofa.org.v1 import export_pb2 as pb
from sankofa.org.v1.export_pb2_grpc import AuditExportServiceServicer
from services.org.exports.core import Exports
from services.org.exports.exporter import KEPT
from services.org.exports.links import Link
from storage.records.exports import Export, ExportState

_STATES: Final[dict[ExportState, pb.ExportState]] = {
    "pending": pb.ExportState.EXPORT_STATE_PENDING,
    "ready": pb.ExportState.EXPORT_STATE_READY,
    "expired": pb.ExportState.EXPORT_STATE_EXPIRED,
}


class AuditExportServicer(AuditExportServiceServicer):
    """Handlers of one region."""

    def __init__(self, *, exports: Exports) -> None:
        self._exports = exports

    async def CreateExport(self, request: pb.CreateExportRequest, context: object) -> pb.CreateExportResponse:
        """An order."""
        since, until = request.since_unix_ms, request.until_unix_ms
        export = await self._exports.create(current().token, request.org_id, since_ms=since, until_ms=until)
        return pb.CreateExportResponse(export=_export(export))

    async def ListExports(self, request: pb.ListExportsRequest, context: object) -> pb.ListExportsResponse:
        """All of them."""
        found = await self._exports.every(current().token, request.org_id)
        return pb.ListExportsResponse(exports=[_export(export) for export in found])

    async def GetExport(self, request: pb.GetExportRequest, context: object) -> pb.GetExportResponse:
        """One, with a link."""
        export, link = await self._exports.one(current().token, request.org_id, request.export_id)
        return pb.GetExportResponse(export=_export(export), link=None if link is None else _link(link))

    async def Download(
        self, request: pb.DownloadRequest, context: object
    ) -> AsyncIterator[pb.DownloadResponse]:
        """Its file."""
        link = Link(request.link.expires_unix_ms, request.link.user_id, request.link.signature)
        async for piece in await self._exports.download(request.org_id, request.export_id, link):
            yield pb.DownloadResponse(piece=piece)


def _export(export: Export) -> pb.Export:
    kept_ms = int(KEPT.total_seconds() * 1000)
    return pb.Export(
        export_id=export.export_id,
        state=_STATES[export.state],
        created_by=export.created_by,
        created_at_unix_ms=export.created_at_ms,
        since_unix_ms=export.since_ms,
        until_unix_ms=export.until_ms,
        rows=export.rows,
        bytes=export.bytes,
        ready_at_unix_ms=export.ready_at_ms,
        delete_at_unix_ms=export.ready_at_ms and export.ready_at_ms + kept_ms,
    )


def _link(link: Link) -> pb.DownloadLink:
    return pb.DownloadLink(expires_unix_ms=link.expires_ms, user_id=link.user_id, signature=link.signature)

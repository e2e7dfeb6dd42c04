"""Exports on the wire: parse, call, convert; for the AuditExportService of organisations and of projects.

The two differ in their planes and in the field that names whose log it is. Their messages have the same
names, each service's in its own package, so that one class serves both.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

from mesh.context import current
from mesh.exports.core import Exports
from mesh.exports.exporter import KEPT
from mesh.exports.links import Link
from mesh.exports.records import Export, ExportState
from sankofa.org.v1 import export_pb2 as pb

_STATES: Final[dict[ExportState, pb.ExportState]] = {
    "pending": pb.ExportState.EXPORT_STATE_PENDING,
    "ready": pb.ExportState.EXPORT_STATE_READY,
    "expired": pb.ExportState.EXPORT_STATE_EXPIRED,
}


class ExportHandlers:
    """Handlers of one service: `messages` is the module of its requests and answers, `whose` the field of
    each request that names the scope, "org_id". No type says that of two modules: hence `Any`.
    """

    def __init__(self, *, exports: Exports, messages: Any, whose: str) -> None:
        self._exports = exports
        self._messages = messages
        self._whose = whose

    async def CreateExport(self, request: Any, context: object) -> Any:
        """An order."""
        since, until = request.since_unix_ms, request.until_unix_ms
        export = await self._exports.create(*self._asked(request), since_ms=since, until_ms=until)
        return self._messages.CreateExportResponse(export=_export(export))

    async def ListExports(self, request: Any, context: object) -> Any:
        """All of them."""
        found = await self._exports.every(*self._asked(request))
        return self._messages.ListExportsResponse(exports=[_export(export) for export in found])

    async def GetExport(self, request: Any, context: object) -> Any:
        """One, with a link."""
        export, link = await self._exports.one(*self._asked(request), request.export_id)
        return self._messages.GetExportResponse(
            export=_export(export), link=None if link is None else _link(link)
        )

    async def Download(self, request: Any, context: object) -> AsyncIterator[Any]:
        """Its file."""
        link = Link(request.link.expires_unix_ms, request.link.user_id, request.link.signature)
        scope = getattr(request, self._whose)
        async for piece in await self._exports.download(scope, request.export_id, link):
            yield self._messages.DownloadResponse(piece=piece)

    def _asked(self, request: Any) -> tuple[str | None, str]:
        return current().token, getattr(request, self._whose)


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

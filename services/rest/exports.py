"""Exports of the audit log: thin routes that ask the primary region, and pass its files on as they come."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import quote, urlencode

import msgspec
from starlette.requests import Request as HttpRequest
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from mesh.directory import Directory
from mesh.errors import Forbidden, InvalidInput
from sankofa.org.v1.export_pb2 import (
    CreateExportRequest,
    DownloadLink,
    DownloadRequest,
    DownloadResponse,
    Export,
    ExportState,
    GetExportRequest,
    ListExportsRequest,
)
from sankofa.org.v1.export_pb2_grpc import AuditExportServiceStub
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.rest.cells import Cells
from services.rest.primaries import Primaries
from services.rest.queries import moment_ms
from services.rest.render import Json, optional_timestamp, timestamp
from services.rest.routing import bearer, org_named, read_json, reply, resource

_AT = "/api/v1/audit/exports"


class NewExport(msgspec.Struct):
    """POST /api/v1/audit/exports."""

    org_id: str
    since: str | None = None
    until: str | None = None


class Exports:
    """Orders, and the files that they became."""

    def __init__(self, *, cells: Cells, primaries: Primaries, directory: Directory) -> None:
        self._cells = cells
        self._primaries = primaries
        self._directory = directory

    def routes(self) -> list[Route]:
        """Every route of exports."""
        return [
            resource(_AT, GET=self.list_exports, POST=self.create_export),
            resource(f"{_AT}/{{export_id}}", GET=self.get_export),
            resource(f"{_AT}/{{export_id}}/download", GET=self.download),
        ]

    async def create_export(self, http: HttpRequest) -> Response:
        """An order."""
        token, body = bearer(http), await read_json(http, NewExport)
        request = CreateExportRequest(
            org_id=body.org_id,
            since_unix_ms=_moment(body.since, "since"),
            until_unix_ms=_moment(body.until, "until"),
        )
        stub = await self._stub(token, body.org_id)
        made = await self._cells.call(stub.CreateExport, request, token=token)
        return reply({"ok": True, "export": _export(made.export)}, status=202)

    async def list_exports(self, http: HttpRequest) -> Response:
        """All of them."""
        token, org_id = bearer(http), org_named(http)
        stub = await self._stub(token, org_id)
        found = await self._cells.call(stub.ListExports, ListExportsRequest(org_id=org_id), token=token)
        return reply({"ok": True, "exports": [_export(each) for each in found.exports]})

    async def get_export(self, http: HttpRequest) -> Response:
        """One, with a link where its file is there."""
        token, org_id = bearer(http), org_named(http)
        request = GetExportRequest(org_id=org_id, export_id=http.path_params["export_id"])
        found = await self._cells.call((await self._stub(token, org_id)).GetExport, request, token=token)
        url = self._url(org_id, request.export_id, found.link) if found.HasField("link") else None
        return reply({"ok": True, "export": _export(found.export), "download_url": url})

    async def download(self, http: HttpRequest) -> Response:
        """The file, in pieces as they come: the link in the query is the credential."""
        asked, export_id = http.query_params, http.path_params["export_id"]
        org_id, expires = asked.get("org_id", ""), asked.get("expires", "")
        fact = self._directory.org(org_id)
        if fact is None or not (expires.isascii() and expires.isdigit() and len(expires) <= 15):
            raise Forbidden(ErrorReason.ERROR_REASON_LINK_INVALID)
        link = DownloadLink(
            expires_unix_ms=int(expires),
            user_id=asked.get("user", ""),
            signature=asked.get("signature", ""),
        )
        stub = await self._cells.exports(fact.primary_region)
        request = DownloadRequest(org_id=org_id, export_id=export_id, link=link)
        pieces = aiter(stub.Download(request))
        # Before an answer is begun: what refuses it is an answer of its own.
        first = await anext(pieces)
        headers = {
            "content-disposition": f'attachment; filename="audit-{quote(export_id)}.csv"',
            "cache-control": "no-store",
            "x-content-type-options": "nosniff",
        }
        return StreamingResponse(_passed_on(first, pieces), media_type="text/csv", headers=headers)

    async def _stub(self, token: str, org_id: str) -> AuditExportServiceStub:
        return await self._cells.exports(await self._primaries.of(token, org_id))

    def _url(self, org_id: str, export_id: str, link: DownloadLink) -> str:
        """Of the region that has the file; any other would ask it."""
        fact = self._directory.org(org_id)
        region = fact and self._directory.region(fact.primary_region)
        query = urlencode(
            {
                "org_id": org_id,
                "user": link.user_id,
                "expires": link.expires_unix_ms,
                "signature": link.signature,
            }
        )
        base = region.rest_url.rstrip("/") if region else ""
        return f"{base}{_AT}/{quote(export_id, safe='')}/download?{query}"


async def _passed_on(
    first: DownloadResponse, pieces: AsyncIterator[DownloadResponse]
) -> AsyncIterator[bytes]:
    yield first.piece
    async for more in pieces:
        yield more.piece


def _moment(text: str | None, name: str) -> int:
    if text is None:
        return 0
    moment = moment_ms(text, name)
    if moment <= 0:
        raise InvalidInput(detail=f"{name} is after 1970")
    return moment


def _export(message: Export) -> Json:
    return {
        "id": message.export_id,
        "state": ExportState.Name(message.state).removeprefix("EXPORT_STATE_").lower(),
        "created_by": message.created_by,
        "created_at": timestamp(message.created_at_unix_ms),
        "since": optional_timestamp(message.since_unix_ms),
        "until": timestamp(message.until_unix_ms),
        "rows": message.rows,
        "bytes": message.bytes,
        "ready_at": optional_timestamp(message.ready_at_unix_ms),
        "deleted_at": optional_timestamp(message.delete_at_unix_ms),
    }

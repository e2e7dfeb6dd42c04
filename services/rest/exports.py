"""Exports of an audit log: thin routes that ask whoever has it, and pass the files on as they come."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import quote, urlencode

from starlette.requests import Request as HttpRequest
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from mesh.errors import Forbidden, InvalidInput
from sankofa.org.v1.export_pb2 import DownloadLink, DownloadResponse, Export, ExportState
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.rest.cells import Cells
from services.rest.queries import moment_ms
from services.rest.render import Json, optional_timestamp, timestamp
from services.rest.routing import bearer, read_json, reply, resource
from services.rest.scopes import Answerer, Answerers, Scope, Scoped

_AT = "/api/v1/audit/exports"


class NewExport(Scoped):
    """POST /api/v1/audit/exports."""

    since: str | None = None
    until: str | None = None


class Exports:
    """Orders, and the files that they became."""

    def __init__(self, *, cells: Cells, answerers: Answerers) -> None:
        self._cells = cells
        self._answerers = answerers

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
        times = {
            "since_unix_ms": _moment(body.since, "since"),
            "until_unix_ms": _moment(body.until, "until"),
        }
        asked = await self._answerers.exports(token, Scope.sent(body))
        request = asked.request("CreateExportRequest", **times)
        made = await self._cells.call(asked.stub.CreateExport, request, token=token)
        return reply({"ok": True, "export": _export(made.export)}, status=202)

    async def list_exports(self, http: HttpRequest) -> Response:
        """All of them."""
        token, _, asked = await self._asked(http)
        request = asked.request("ListExportsRequest")
        found = await self._cells.call(asked.stub.ListExports, request, token=token)
        return reply({"ok": True, "exports": [_export(each) for each in found.exports]})

    async def get_export(self, http: HttpRequest) -> Response:
        """One, with a link where its file is there."""
        token, scope, asked = await self._asked(http)
        export_id = http.path_params["export_id"]
        request = asked.request("GetExportRequest", export_id=export_id)
        found = await self._cells.call(asked.stub.GetExport, request, token=token)
        url = self._url(scope, export_id, found.link) if found.HasField("link") else None
        return reply({"ok": True, "export": _export(found.export), "download_url": url})

    async def download(self, http: HttpRequest) -> Response:
        """The file, in pieces as they come: the link in the query is the credential."""
        asked, export_id = http.query_params, http.path_params["export_id"]
        org_id, project_id = asked.get("org_id", ""), asked.get("project_id", "")
        expires = asked.get("expires", "")
        whole = expires.isascii() and expires.isdigit() and len(expires) <= 15
        there = None
        if whole and bool(org_id) != bool(project_id):
            there = await self._answerers.files(Scope(org_id, project_id))
        if there is None:
            raise Forbidden(ErrorReason.ERROR_REASON_LINK_INVALID)
        link = DownloadLink(
            expires_unix_ms=int(expires),
            user_id=asked.get("user", ""),
            signature=asked.get("signature", ""),
        )
        request = there.request("DownloadRequest", export_id=export_id, link=link)
        pieces = aiter(there.stub.Download(request))
        # Before an answer is begun: what refuses it is an answer of its own.
        first = await anext(pieces)
        headers = {
            "content-disposition": f'attachment; filename="audit-{quote(export_id)}.csv"',
            "cache-control": "no-store",
            "x-content-type-options": "nosniff",
        }
        return StreamingResponse(_passed_on(first, pieces), media_type="text/csv", headers=headers)

    async def _asked(self, http: HttpRequest) -> tuple[str, Scope, Answerer]:
        """The token, the log that the query names, and who answers for it."""
        token, scope = bearer(http), Scope.named(http)
        return token, scope, await self._answerers.exports(token, scope)

    def _url(self, scope: Scope, export_id: str, link: DownloadLink) -> str:
        """Of the region that has the file."""
        given = {"user": link.user_id, "expires": link.expires_unix_ms, "signature": link.signature}
        at = f"{self._answerers.url_of(scope)}{_AT}/{quote(export_id, safe='')}/download"
        return f"{at}?{urlencode(scope.field | given)}"


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

"""The audit logs: an organisation's from its primary region, a project's from its own; nothing joins them."""

from __future__ import annotations

from typing import Final

import msgspec
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from mesh.errors import InvalidInput
from sankofa.ingest.v1.project_audit_pb2 import GetProjectRowRequest, ListProjectRowsRequest
from sankofa.ingest.v1.project_audit_pb2_grpc import ProjectAuditServiceStub
from sankofa.org.v1.audit_pb2 import (
    AuditFilter,
    AuditRow,
    GetOrgRowRequest,
    ListOrgRowsRequest,
)
from sankofa.org.v1.audit_pb2_grpc import OrgAuditServiceStub
from services.rest.actors import Actors
from services.rest.cells import Cells
from services.rest.primaries import Primaries
from services.rest.project_callers import ProjectCallers
from services.rest.queries import limit_of, moment_ms
from services.rest.render import Json, timestamp
from services.rest.routing import credential, reply, require_person, resource
from services.rest.scopes import Scope

_CURSOR_DIGITS: Final = 18


class Audit:
    """Reads the logs."""

    def __init__(
        self, *, cells: Cells, primaries: Primaries, callers: ProjectCallers, actors: Actors
    ) -> None:
        self._cells = cells
        self._primaries = primaries
        self._callers = callers
        self._actors = actors

    def routes(self) -> list[Route]:
        """Every route of the logs."""
        return [
            resource("/api/v1/audit", GET=self.list_rows),
            resource("/api/v1/audit/{audit_id}", GET=self.get_row),
        ]

    async def list_rows(self, http: HttpRequest) -> Response:
        """A page, newest first."""
        token, scope = await self._asked(http)
        which = _filter(http)
        if scope.org_id:
            request = ListOrgRowsRequest(org_id=scope.org_id, filter=which)
            found = await self._cells.call(
                (await self._org(token, scope.org_id)).ListOrgRows, request, token=token
            )
            rows, more, emails = list(found.rows), found.more, dict[str, str]()
        else:
            asked = ListProjectRowsRequest(project_id=scope.project_id, filter=which)
            listed = await self._cells.call(self._projects().ListProjectRows, asked, token=token)
            rows, more = list(listed.rows), listed.more
            emails = await self._actors.emails(token, listed.org_id, (row.actor_id for row in rows))
        cursor = str(rows[-1].seq) if more else None
        return reply({"ok": True, "rows": [_row(row, emails) for row in rows], "next_cursor": cursor})

    async def get_row(self, http: HttpRequest) -> Response:
        """One row."""
        token, scope = await self._asked(http)
        audit_id = http.path_params["audit_id"]
        if scope.org_id:
            request = GetOrgRowRequest(org_id=scope.org_id, audit_id=audit_id)
            found = await self._cells.call(
                (await self._org(token, scope.org_id)).GetOrgRow, request, token=token
            )
            return reply({"ok": True, "row": _row(found.row, {})})
        asked = GetProjectRowRequest(project_id=scope.project_id, audit_id=audit_id)
        got = await self._cells.call(self._projects().GetProjectRow, asked, token=token)
        emails = await self._actors.emails(token, got.org_id, [got.row.actor_id])
        return reply({"ok": True, "row": _row(got.row, emails)})

    async def _asked(self, http: HttpRequest) -> tuple[str, Scope]:
        """The caller's token, and the organisation or the project that is asked about."""
        token, scope = credential(http), Scope.named(http)
        if scope.project_id:
            await self._callers.about(http, scope.project_id)
        else:
            require_person(token)
        return token, scope

    def _projects(self) -> ProjectAuditServiceStub:
        return ProjectAuditServiceStub(self._cells.internal)

    async def _org(self, token: str, org_id: str) -> OrgAuditServiceStub:
        return OrgAuditServiceStub(await self._cells.orgs_channel(await self._primaries.of(token, org_id)))


def _filter(http: HttpRequest) -> AuditFilter:
    asked = http.query_params
    cursor = asked.get("cursor", "")
    if cursor and not (cursor.isascii() and cursor.isdigit() and len(cursor) <= _CURSOR_DIGITS):
        raise InvalidInput(detail="cursor is the next_cursor of the page before")
    return AuditFilter(
        actor_id=asked.get("actor_id", ""),
        action=asked.get("action", ""),
        resource_type=asked.get("resource_type", ""),
        since_unix_ms=max(moment_ms(asked["since"], "since"), 0) if "since" in asked else 0,
        until_unix_ms=max(moment_ms(asked["until"], "until"), 1) if "until" in asked else 0,
        before_seq=int(cursor or 0),
        limit=limit_of(http),
    )


def _row(message: AuditRow, emails: dict[str, str]) -> Json:
    return {
        "id": message.audit_id,
        "seq": message.seq,
        "at": timestamp(message.at_unix_ms),
        "actor": {
            "id": message.actor_id,
            "email": message.actor_email or emails.get(message.actor_id) or None,
        },
        "action": message.action,
        "resource": {"type": message.resource_type, "id": message.resource_id},
        "before": msgspec.Raw(message.before.encode()),
        "after": msgspec.Raw(message.after.encode()),
        "metadata": msgspec.Raw(message.metadata.encode()),
        "hash": message.hash.hex(),
    }

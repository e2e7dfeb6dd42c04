"""OrgAuditService on the wire: parse, call, convert."""

from __future__ import annotations

from mesh.context import current
from sankofa.org.v1 import audit_pb2 as pb
from sankofa.org.v1.audit_pb2_grpc import OrgAuditServiceServicer
from services.org.audit.core import OrgAudit
from storage.records.audit.messages import filter_of, row_message


class OrgAuditServicer(OrgAuditServiceServicer):
    """Handlers of one region."""

    def __init__(self, *, audit: OrgAudit) -> None:
        self._audit = audit

    async def ListOrgRows(self, request: pb.ListOrgRowsRequest, context: object) -> pb.ListOrgRowsResponse:
        """A page."""
        which, limit = filter_of(request.filter)
        rows, more = await self._audit.page(current().token, request.org_id, which, limit)
        return pb.ListOrgRowsResponse(rows=[row_message(row) for row in rows], more=more)

    async def GetOrgRow(self, request: pb.GetOrgRowRequest, context: object) -> pb.GetOrgRowResponse:
        """One."""
        row = await self._audit.one(current().token, request.org_id, request.audit_id)
        return pb.GetOrgRowResponse(row=row_message(row))

    async def ResolveActors(
        self, request: pb.ResolveActorsRequest, context: object
    ) -> pb.ResolveActorsResponse:
        """E-mails of ids."""
        found = await self._audit.emails(current().token, request.org_id, list(request.user_ids))
        actors = [pb.Actor(user_id=user_id, email=email) for user_id, email in found.items()]
        return pb.ResolveActorsResponse(actors=actors)

"""ProjectAuditService: a project's audit log, read by its Admins in its own region."""

from __future__ import annotations

from mesh.access import authorise
from mesh.context import current
from mesh.directory import Directory
from mesh.errors import NotFound
from mesh.permissions import ProjectAction
from sankofa.ingest.v1 import project_audit_pb2 as pb
from sankofa.ingest.v1.project_audit_pb2_grpc import ProjectAuditServiceServicer
from sankofa.residency.v1.error_pb2 import ErrorReason
from storage.records.audit.messages import filter_of, row_message, told
from storage.records.audit.reading import AuditRecords, Log


class ProjectAuditServicer(ProjectAuditServiceServicer):
    """Handlers of one region. It knows ids of actors only: their organisation knows whose they are."""

    def __init__(self, *, directory: Directory, records: AuditRecords) -> None:
        self._directory = directory
        self._records = records

    async def ListProjectRows(
        self, request: pb.ListProjectRowsRequest, context: object
    ) -> pb.ListProjectRowsResponse:
        """A page, newest first."""
        org_id = self._authorised(request.project_id)
        which, limit = filter_of(request.filter)
        rows = await self._records.page(Log.PROJECT, request.project_id, which, limit + 1)
        await self._records.was_read(Log.PROJECT, request.project_id, told(which))
        found = [row_message(row) for row in rows[:limit]]
        return pb.ListProjectRowsResponse(rows=found, more=len(rows) > limit, org_id=org_id)

    async def GetProjectRow(
        self, request: pb.GetProjectRowRequest, context: object
    ) -> pb.GetProjectRowResponse:
        """One row."""
        org_id = self._authorised(request.project_id)
        row = await self._records.one(Log.PROJECT, request.project_id, request.audit_id)
        if row is None:
            raise NotFound(ErrorReason.ERROR_REASON_AUDIT_ROW_NOT_FOUND)
        await self._records.was_read(Log.PROJECT, request.project_id, {"audit_id": request.audit_id})
        return pb.GetProjectRowResponse(row=row_message(row), org_id=org_id)

    def _authorised(self, project_id: str) -> str:
        """The organisation. Raises Forbidden, NotFound."""
        token = current().token
        authorise(self._directory, token, project_id, ProjectAction.READ_PROJECT_AUDIT, mutation=False)
        project = self._directory.project(project_id)
        if project is None:
            raise NotFound(ErrorReason.ERROR_REASON_PROJECT_NOT_FOUND)
        return project.org_id

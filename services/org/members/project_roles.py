"""Who has a role in a project, for the project's Admins."""

from __future__ import annotations

from mesh.errors import InvalidInput
from mesh.permissions import OrgAction, ProjectAction, require
from sankofa.org.v1.org_pb2 import ProjectRole
from services.org.callers import Callers
from services.org.members.access_wait import AccessWait
from storage.records.members import MemberRecords, ProjectMember


class ProjectRoles:
    """Roles in the projects of the organisations whose primary region this is."""

    def __init__(self, *, records: MemberRecords, callers: Callers, wait: AccessWait) -> None:
        self._records = records
        self._callers = callers
        self._wait = wait

    async def members(self, token: str | None, org_id: str, project_id: str) -> list[ProjectMember]:
        """Raises Forbidden, NotFound."""
        await self._admin(token, org_id, project_id)
        return await self._records.project_members(org_id, project_id)

    async def put(
        self, token: str | None, org_id: str, project_id: str, user_id: str, role: ProjectRole
    ) -> ProjectMember | None:
        """Gives a role by name, UNSPECIFIED takes it away; what the member may do then, None for nothing.

        Raises Forbidden, InvalidInput, NotFound.
        """
        await self._admin(token, org_id, project_id)
        if role not in ProjectRole.values():
            raise InvalidInput(detail="role is viewer, editor or admin")
        await self._records.set_project_role(org_id, project_id, user_id, role)
        await self._wait.told(org_id)
        every = await self._records.project_members(org_id, project_id)
        return next((each for each in every if each.member.user_id == user_id), None)

    async def _admin(self, token: str | None, org_id: str, project_id: str) -> None:
        member = await self._callers.member(token, org_id, OrgAction.READ_ORG)
        role = await self._records.project_role(org_id, project_id, member.user_id)
        require(ProjectAction.MANAGE_PROJECT_MEMBERS, role)

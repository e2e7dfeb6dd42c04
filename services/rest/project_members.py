"""Who has a role in a project of this region: kept, and answered, by its organisation's primary region."""

from __future__ import annotations

import msgspec
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from mesh.directory import Directory
from mesh.errors import NotFound
from mesh.permissions import project_role_name
from sankofa.org.v1.member_pb2 import (
    ListProjectMembersRequest,
    ProjectMember,
    SetProjectRoleRequest,
)
from sankofa.org.v1.member_pb2_grpc import MemberServiceStub
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.rest import render
from services.rest.cells import Cells
from services.rest.members import PROJECT_ROLES, ProjectRoleName, member
from services.rest.primaries import Primaries
from services.rest.routing import bearer, project_here, read_json, reply, resource


class GivenRole(msgspec.Struct):
    """PUT /api/v1/projects/{project_id}/members/{user_id}."""

    role: ProjectRoleName


class ProjectMembers:
    """Roles in the projects pinned here."""

    def __init__(self, *, region: str, directory: Directory, cells: Cells, primaries: Primaries) -> None:
        self._region = region
        self._directory = directory
        self._cells = cells
        self._primaries = primaries

    def routes(self) -> list[Route]:
        """Every route of a project's members."""
        members = "/api/v1/projects/{project_id}/members"
        return [
            resource(members, GET=self.list_members),
            resource(f"{members}/{{user_id}}", PUT=self.give, DELETE=self.take_away),
        ]

    async def list_members(self, http: HttpRequest) -> Response:
        """Who may do what, and where they have it from."""
        token, org_id, project_id, stub = await self._asked(http)
        request = ListProjectMembersRequest(org_id=org_id, project_id=project_id)
        found = await self._cells.call(stub.ListProjectMembers, request, token=token)
        return reply({"ok": True, "members": [_member(each) for each in found.members]})

    async def give(self, http: HttpRequest) -> Response:
        """Gives a role by name, which beats those of teams."""
        token, org_id, project_id, stub = await self._asked(http)
        body = await read_json(http, GivenRole)
        request = SetProjectRoleRequest(
            org_id=org_id,
            project_id=project_id,
            user_id=http.path_params["user_id"],
            role=PROJECT_ROLES[body.role],
        )
        given = await self._cells.call(stub.SetProjectRole, request, token=token)
        return reply({"ok": True, "member": _member(given.member)})

    async def take_away(self, http: HttpRequest) -> Response:
        """Takes the role by name away; what teams give counts again."""
        token, org_id, project_id, stub = await self._asked(http)
        request = SetProjectRoleRequest(
            org_id=org_id, project_id=project_id, user_id=http.path_params["user_id"]
        )
        left = await self._cells.call(stub.SetProjectRole, request, token=token)
        return reply({"ok": True, "member": _member(left.member) if left.HasField("member") else None})

    async def _asked(self, http: HttpRequest) -> tuple[str, str, str, MemberServiceStub]:
        token, project_id = bearer(http), project_here(http, self._directory, self._region)
        fact = self._directory.project(project_id)
        if fact is None:
            raise NotFound(ErrorReason.ERROR_REASON_PROJECT_NOT_FOUND)
        primary = await self._primaries.of(token, fact.org_id)
        return token, fact.org_id, project_id, await self._cells.members(primary)


def _member(found: ProjectMember) -> render.Json:
    return {
        **member(found.member),
        "org_role": member(found.member)["role"],
        "role": project_role_name(found.role),
        "given_role": project_role_name(found.given_role) if found.given_role else None,
        "team_ids": list(found.team_ids),
    }

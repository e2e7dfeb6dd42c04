"""Teams of an organisation, answered by its primary region."""

from __future__ import annotations

from typing import Final

import msgspec
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from mesh.permissions import project_role_name
from sankofa.org.v1.member_pb2 import (
    CreateTeamRequest,
    DeleteTeamRequest,
    ListTeamsRequest,
    RenameTeamRequest,
    SetTeamMemberRequest,
    SetTeamProjectRequest,
    Team,
)
from sankofa.org.v1.member_pb2_grpc import TeamServiceStub
from sankofa.org.v1.org_pb2 import ProjectRole
from services.rest import render
from services.rest.cells import Cells
from services.rest.members import PROJECT_ROLES, ProjectRoleName
from services.rest.primaries import Primaries
from services.rest.routing import bearer, org_named, read_json, reply, resource

NOTHING: Final = ProjectRole.PROJECT_ROLE_UNSPECIFIED


class TeamName(msgspec.Struct):
    """POST /api/v1/teams, PATCH /api/v1/teams/{team_id}."""

    name: str


class TeamMember(msgspec.Struct):
    """POST /api/v1/teams/{team_id}/members."""

    user_id: str


class TeamProject(msgspec.Struct):
    """POST /api/v1/teams/{team_id}/projects."""

    project_id: str
    role: ProjectRoleName


class Teams:
    """Teams, their members, and what these may do in projects."""

    def __init__(self, *, cells: Cells, primaries: Primaries) -> None:
        self._cells = cells
        self._primaries = primaries

    def routes(self) -> list[Route]:
        """Every route of teams."""
        team = "/api/v1/teams/{team_id}"
        return [
            resource("/api/v1/teams", GET=self.list_teams, POST=self.create),
            resource(team, PATCH=self.rename, DELETE=self.delete),
            resource(f"{team}/members", POST=self.add_member),
            resource(f"{team}/members/{{user_id}}", DELETE=self.remove_member),
            resource(f"{team}/projects", POST=self.add_project),
            resource(f"{team}/projects/{{project_id}}", DELETE=self.remove_project),
        ]

    async def list_teams(self, http: HttpRequest) -> Response:
        """By name."""
        token, org_id, stub = await self._asked(http)
        found = await self._cells.call(stub.ListTeams, ListTeamsRequest(org_id=org_id), token=token)
        return reply({"ok": True, "teams": [_team(each) for each in found.teams]})

    async def create(self, http: HttpRequest) -> Response:
        """An empty one."""
        token, org_id, stub = await self._asked(http)
        request = CreateTeamRequest(org_id=org_id, name=(await read_json(http, TeamName)).name)
        made = await self._cells.call(stub.CreateTeam, request, token=token)
        return reply({"ok": True, "team": _team(made.team)}, status=201)

    async def rename(self, http: HttpRequest) -> Response:
        """Gives it another name."""
        token, org_id, stub = await self._asked(http)
        name = (await read_json(http, TeamName)).name
        request = RenameTeamRequest(org_id=org_id, team_id=http.path_params["team_id"], name=name)
        renamed = await self._cells.call(stub.RenameTeam, request, token=token)
        return reply({"ok": True, "team": _team(renamed.team)})

    async def delete(self, http: HttpRequest) -> Response:
        """With what its members may do by it."""
        token, org_id, stub = await self._asked(http)
        request = DeleteTeamRequest(org_id=org_id, team_id=http.path_params["team_id"])
        await self._cells.call(stub.DeleteTeam, request, token=token)
        return reply({"ok": True})

    async def add_member(self, http: HttpRequest) -> Response:
        """Puts a member of the organisation in."""
        return await self._set_member(http, (await read_json(http, TeamMember)).user_id, is_member=True)

    async def remove_member(self, http: HttpRequest) -> Response:
        """Takes them out."""
        return await self._set_member(http, http.path_params["user_id"], is_member=False)

    async def add_project(self, http: HttpRequest) -> Response:
        """Gives its members a role in a project; the same again with another role changes it."""
        body = await read_json(http, TeamProject)
        return await self._set_project(http, body.project_id, PROJECT_ROLES[body.role])

    async def remove_project(self, http: HttpRequest) -> Response:
        """Takes it away."""
        return await self._set_project(http, http.path_params["project_id"], NOTHING)

    async def _set_member(self, http: HttpRequest, user_id: str, *, is_member: bool) -> Response:
        token, org_id, stub = await self._asked(http)
        request = SetTeamMemberRequest(
            org_id=org_id, team_id=http.path_params["team_id"], user_id=user_id, is_member=is_member
        )
        changed = await self._cells.call(stub.SetTeamMember, request, token=token)
        return reply({"ok": True, "team": _team(changed.team)})

    async def _set_project(self, http: HttpRequest, project_id: str, role: ProjectRole) -> Response:
        token, org_id, stub = await self._asked(http)
        request = SetTeamProjectRequest(
            org_id=org_id, team_id=http.path_params["team_id"], project_id=project_id, role=role
        )
        changed = await self._cells.call(stub.SetTeamProject, request, token=token)
        return reply({"ok": True, "team": _team(changed.team)})

    async def _asked(self, http: HttpRequest) -> tuple[str, str, TeamServiceStub]:
        token, org_id = bearer(http), org_named(http)
        return token, org_id, await self._cells.teams(await self._primaries.of(token, org_id))


def _team(message: Team) -> render.Json:
    return {
        "id": message.team_id,
        "name": message.name,
        "created_at": render.timestamp(message.created_at_unix_ms),
        "user_ids": list(message.user_ids),
        "projects": {grant.project_id: project_role_name(grant.role) for grant in message.projects},
    }

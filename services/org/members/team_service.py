"""TeamService on the wire: parse, call, convert."""

from __future__ import annotations

from mesh.context import current
from sankofa.org.v1 import member_pb2 as pb
from sankofa.org.v1.member_pb2_grpc import TeamServiceServicer
from services.org.members.service import grants
from services.org.members.teams import Teams
from storage.records.members import Team


class TeamServicer(TeamServiceServicer):
    """Handlers of one region."""

    def __init__(self, *, teams: Teams) -> None:
        self._teams = teams

    async def ListTeams(self, request: pb.ListTeamsRequest, context: object) -> pb.ListTeamsResponse:
        """All of them."""
        found = await self._teams.every(current().token, request.org_id)
        return pb.ListTeamsResponse(teams=[_team(each) for each in found])

    async def CreateTeam(self, request: pb.CreateTeamRequest, context: object) -> pb.CreateTeamResponse:
        """An empty one."""
        return pb.CreateTeamResponse(
            team=_team(await self._teams.create(current().token, request.org_id, request.name))
        )

    async def RenameTeam(self, request: pb.RenameTeamRequest, context: object) -> pb.RenameTeamResponse:
        """Another name."""
        team = await self._teams.rename(current().token, request.org_id, request.team_id, request.name)
        return pb.RenameTeamResponse(team=_team(team))

    async def DeleteTeam(self, request: pb.DeleteTeamRequest, context: object) -> pb.DeleteTeamResponse:
        """Gone."""
        await self._teams.delete(current().token, request.org_id, request.team_id)
        return pb.DeleteTeamResponse()

    async def SetTeamMember(
        self, request: pb.SetTeamMemberRequest, context: object
    ) -> pb.SetTeamMemberResponse:
        """In, or out."""
        team = await self._teams.set_member(
            current().token, request.org_id, request.team_id, request.user_id, is_member=request.is_member
        )
        return pb.SetTeamMemberResponse(team=_team(team))

    async def SetTeamProject(
        self, request: pb.SetTeamProjectRequest, context: object
    ) -> pb.SetTeamProjectResponse:
        """A role for all of its members."""
        team = await self._teams.set_project(
            current().token, request.org_id, request.team_id, request.project_id, request.role
        )
        return pb.SetTeamProjectResponse(team=_team(team))


def _team(team: Team) -> pb.Team:
    return pb.Team(
        team_id=team.team_id,
        name=team.name,
        created_at_unix_ms=team.created_at_ms,
        user_ids=team.user_ids,
        projects=grants(team.projects),
    )

"""Teams of an organisation: the rules, without gRPC and SQL."""

from __future__ import annotations

from collections.abc import Callable

from mesh.clock import wall_ms
from mesh.errors import InvalidInput
from mesh.ids import new_id
from mesh.names import require_name
from mesh.permissions import OrgAction
from sankofa.org.v1.org_pb2 import ProjectRole
from services.org.callers import Callers
from services.org.members.access_wait import AccessWait
from storage.records.members import Team, TeamRecords


class Teams:
    """Of the organisations whose primary region this is. Every method raises Forbidden, NotFound."""

    def __init__(
        self,
        *,
        records: TeamRecords,
        callers: Callers,
        wait: AccessWait,
        clock_ms: Callable[[], int] = wall_ms,
    ) -> None:
        self._records = records
        self._callers = callers
        self._wait = wait
        self._clock_ms = clock_ms

    async def every(self, token: str | None, org_id: str) -> list[Team]:
        """By name."""
        await self._callers.member(token, org_id, OrgAction.LIST_TEAMS)
        return await self._records.teams(org_id)

    async def create(self, token: str | None, org_id: str, name: str) -> Team:
        """Raises InvalidInput, Conflict(TOO_MANY)."""
        await self._callers.member(token, org_id, OrgAction.MANAGE_TEAMS)
        team = Team(new_id("team"), require_name("name", name), self._clock_ms())
        await self._records.create(org_id, team)
        return team

    async def rename(self, token: str | None, org_id: str, team_id: str, name: str) -> Team:
        """Raises InvalidInput."""
        await self._callers.member(token, org_id, OrgAction.MANAGE_TEAMS)
        return await self._records.rename(org_id, team_id, require_name("name", name))

    async def delete(self, token: str | None, org_id: str, team_id: str) -> None:
        """What its members may do by it has ended when it answers, in regions that can be reached."""
        await self._callers.member(token, org_id, OrgAction.MANAGE_TEAMS)
        await self._records.delete(org_id, team_id)
        await self._wait.told(org_id)

    async def set_member(
        self, token: str | None, org_id: str, team_id: str, user_id: str, *, is_member: bool
    ) -> Team:
        """Puts a member of the organisation in, or takes them out."""
        await self._callers.member(token, org_id, OrgAction.MANAGE_TEAMS)
        team = await self._records.set_member(org_id, team_id, user_id, is_member=is_member)
        await self._wait.told(org_id)
        return team

    async def set_project(
        self, token: str | None, org_id: str, team_id: str, project_id: str, role: ProjectRole
    ) -> Team:
        """What its members may do in a project; UNSPECIFIED: nothing. Raises InvalidInput."""
        await self._callers.member(token, org_id, OrgAction.MANAGE_TEAMS)
        if role not in ProjectRole.values():
            raise InvalidInput(detail="role is viewer, editor or admin")
        team = await self._records.set_project(org_id, team_id, project_id, role)
        await self._wait.told(org_id)
        return team

"""TeamRecords in SQL."""

from __future__ import annotations

from collections import defaultdict

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh.errors import Conflict, NotFound
from mesh.hints import normalise
from mesh.permissions import project_role_name
from sankofa.org.v1.org_pb2 import ProjectRole
from sankofa.residency.v1.error_pb2 import ErrorReason
from storage.records.change import Change
from storage.records.engine import Database
from storage.records.members import Team
from storage.records.sql_access import refresh
from storage.records.sql_invitations import require_projects
from storage.records.sql_members import changing, require_member
from storage.records.tables import team_members, team_projects, teams

NOTHING = ProjectRole.PROJECT_ROLE_UNSPECIFIED
MOST_TEAMS = 1_000
"""Of one organisation, whoever makes them."""


class SqlTeamRecords:
    """The teams of this region's organisations."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def teams(self, org_id: str) -> list[Team]:
        """As TeamRecords says."""
        async with self._database.read() as connection:
            return await _teams(connection, org_id)

    async def create(self, org_id: str, team: Team) -> None:
        """As TeamRecords says."""
        async with changing(self._database, org_id) as change:
            await require_team_room(change.connection, org_id)
            values = {"team_id": team.team_id, "org_id": org_id, "created_at": team.created_at_ms}
            await change.connection.execute(insert(teams).values(values | named(team.name)))
            change.note("team.created", "team", team.team_id, after={"name": team.name})

    async def rename(self, org_id: str, team_id: str, name: str) -> Team:
        """As TeamRecords says."""
        async with changing(self._database, org_id) as change:
            before = await _team(change.connection, org_id, team_id)
            this = update(teams).where(teams.c.team_id == team_id)
            await change.connection.execute(this.values(named(name)))
            change.note("team.renamed", "team", team_id, before={"name": before.name}, after={"name": name})
            return await _team(change.connection, org_id, team_id)

    async def delete(self, org_id: str, team_id: str) -> None:
        """As TeamRecords says."""
        async with changing(self._database, org_id) as change:
            await delete_team(change, org_id, team_id)

    async def set_member(self, org_id: str, team_id: str, user_id: str, *, is_member: bool) -> Team:
        """As TeamRecords says."""
        async with changing(self._database, org_id) as change:
            before = await _team(change.connection, org_id, team_id)
            if (user_id in before.user_ids) == is_member:
                change.nothing()
                return before
            if is_member:
                await require_member(change.connection, org_id, user_id)
                values = {"team_id": team_id, "user_id": user_id, "org_id": org_id}
                await change.connection.execute(insert(team_members).values(values))
            else:
                this = (team_members.c.team_id == team_id, team_members.c.user_id == user_id)
                await change.connection.execute(delete(team_members).where(*this))
            await refresh(change.connection, org_id)
            action = "team.member.added" if is_member else "team.member.removed"
            change.note(action, "team", team_id, after={"user_id": user_id})
            return await _team(change.connection, org_id, team_id)

    async def set_project(self, org_id: str, team_id: str, project_id: str, role: ProjectRole) -> Team:
        """As TeamRecords says."""
        async with changing(self._database, org_id) as change:
            before = await _team(change.connection, org_id, team_id)
            await require_projects(change.connection, org_id, {project_id})
            had = before.projects.get(project_id, NOTHING)
            if had == role:
                change.nothing()
                return before
            this = (team_projects.c.team_id == team_id, team_projects.c.project_id == project_id)
            await change.connection.execute(delete(team_projects).where(*this))
            if role != NOTHING:
                values = {"team_id": team_id, "project_id": project_id, "role": role, "org_id": org_id}
                await change.connection.execute(insert(team_projects).values(values))
            await refresh(change.connection, org_id)
            change.note(
                "team.project.updated",
                "team",
                team_id,
                before={"project_id": project_id, "role": project_role_name(had)},
                after={"project_id": project_id, "role": project_role_name(role)},
            )
            return await _team(change.connection, org_id, team_id)


def named(name: str) -> dict[str, str]:
    """The columns that a team's name takes."""
    return {"name": name, "name_key": normalise(name)}


async def require_team_room(connection: AsyncConnection, org_id: str) -> None:
    """Raises Conflict(TOO_MANY) where the organisation has as many as it may."""
    these = select(func.count()).select_from(teams).where(teams.c.org_id == org_id)
    if (await connection.scalar(these) or 0) >= MOST_TEAMS:
        raise Conflict(
            ErrorReason.ERROR_REASON_TOO_MANY,
            detail=f"an organisation has {MOST_TEAMS:,} teams at most: delete one that is not needed",
        )


async def delete_team(change: Change, org_id: str, team_id: str) -> None:
    """With its places and roles. Raises NotFound."""
    before = await _team(change.connection, org_id, team_id)
    for table in (team_members, team_projects, teams):
        await change.connection.execute(delete(table).where(table.c.team_id == team_id))
    await refresh(change.connection, org_id)
    roles = {project: project_role_name(role) for project, role in before.projects.items()}
    told = {"name": before.name, "members": list(before.user_ids), "projects": roles}
    change.note("team.deleted", "team", team_id, before=told)


async def _teams(connection: AsyncConnection, org_id: str) -> list[Team]:
    people: defaultdict[str, list[str]] = defaultdict(list)
    in_teams = select(team_members).where(team_members.c.org_id == org_id).order_by(team_members.c.user_id)
    for row in await connection.execute(in_teams):
        people[row.team_id].append(row.user_id)
    projects: defaultdict[str, dict[str, ProjectRole]] = defaultdict(dict)
    of_teams = select(team_projects).where(team_projects.c.org_id == org_id)
    for row in await connection.execute(of_teams.order_by(team_projects.c.project_id)):
        projects[row.team_id][row.project_id] = row.role
    query = select(teams).where(teams.c.org_id == org_id).order_by(teams.c.name, teams.c.team_id)
    return [
        Team(row.team_id, row.name, row.created_at, people[row.team_id], projects[row.team_id])
        for row in await connection.execute(query)
    ]


async def _team(connection: AsyncConnection, org_id: str, team_id: str) -> Team:
    for team in await _teams(connection, org_id):
        if team.team_id == team_id:
            return team
    raise NotFound(ErrorReason.ERROR_REASON_TEAM_NOT_FOUND)

"""Roles in projects: given by name, had by a team, and what they come to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh.permissions import in_project
from sankofa.org.v1.org_pb2 import ProjectRole
from storage.records.members import Member, ProjectMember
from storage.records.tables import access_rows, project_roles, team_members, team_projects

NOTHING = ProjectRole.PROJECT_ROLE_UNSPECIFIED


async def put_project_role(
    connection: AsyncConnection, project_id: str, user_id: str, role: ProjectRole
) -> ProjectRole:
    """Gives a role by name, UNSPECIFIED takes it away; what it was before."""
    this = (project_roles.c.project_id == project_id, project_roles.c.user_id == user_id)
    before: ProjectRole = await connection.scalar(select(project_roles.c.role).where(*this)) or NOTHING
    if before != role:
        await connection.execute(delete(project_roles).where(*this))
        if role != NOTHING:
            values = {"project_id": project_id, "user_id": user_id, "role": role}
            await connection.execute(insert(project_roles).values(values))
    return before


async def by_name(connection: AsyncConnection, project_id: str) -> dict[str, ProjectRole]:
    """Roles given by name, by user id."""
    query = select(project_roles.c.user_id, project_roles.c.role)
    found = await connection.execute(query.where(project_roles.c.project_id == project_id))
    return {row.user_id: row.role for row in found}


async def by_teams(connection: AsyncConnection, project_id: str) -> dict[str, dict[str, ProjectRole]]:
    """Roles that teams give, by user id and team."""
    query = (
        select(team_members.c.user_id, team_projects.c.team_id, team_projects.c.role)
        .join_from(team_projects, team_members, team_members.c.team_id == team_projects.c.team_id)
        .where(team_projects.c.project_id == project_id)
        .order_by(team_projects.c.team_id)
    )
    found: defaultdict[str, dict[str, ProjectRole]] = defaultdict(dict)
    for row in await connection.execute(query):
        found[row.user_id][row.team_id] = row.role
    return found


async def due_roles(connection: AsyncConnection, project_id: str) -> dict[str, ProjectRole]:
    """What Members may do, by user id: what was given by name, else the best that a team of theirs has."""
    best = {
        user: max(roles.values(), default=NOTHING)
        for user, roles in (await by_teams(connection, project_id)).items()
    }
    return {**best, **await by_name(connection, project_id)}


async def project_members(
    connection: AsyncConnection, project_id: str, people: Sequence[Member]
) -> list[ProjectMember]:
    """Those who may do something in a project."""
    due, named = await due_roles(connection, project_id), await by_name(connection, project_id)
    teams = await by_teams(connection, project_id)
    every = [
        ProjectMember(
            member,
            in_project(member.role, due.get(member.user_id, NOTHING)),
            named.get(member.user_id, NOTHING),
            list(teams.get(member.user_id, ())),
        )
        for member in people
    ]
    return [each for each in every if each.role != NOTHING]


async def project_role(
    connection: AsyncConnection, org_id: str, project_id: str, user_id: str
) -> ProjectRole:
    """What a person may do in a project, as the access feed says it."""
    this = (access_rows.c.project_id == project_id, access_rows.c.user_id == user_id)
    found = await connection.scalar(select(access_rows.c.role).where(*this, access_rows.c.org_id == org_id))
    role: ProjectRole = found or NOTHING
    return role

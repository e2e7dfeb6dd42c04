"""How a membership begins and ends, in the transaction of whatever begins or ends it."""

from __future__ import annotations

from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh.clock import wall_ms
from mesh.errors import Conflict
from mesh.hints import normalise
from mesh.plans import require_members
from mesh.tokens import ends_forgotten_ms
from sankofa.org.v1.org_pb2 import OrgRole
from sankofa.registry.v1.registry_pb2 import Row
from sankofa.residency.v1.error_pb2 import ErrorReason
from storage.records.members import Joining
from storage.records.sql_access import refresh
from storage.records.sql_sessions import end_sessions
from storage.records.tables import members, org_projects, orgs, project_roles, sessions, team_members

OWNER = OrgRole.ORG_ROLE_OWNER


async def insert_member(connection: AsyncConnection, org_id: str, role: OrgRole, joining: Joining) -> None:
    """Whoever has no home region can come in by the organisation's own provider only."""
    values = {
        "org_id": org_id,
        "user_id": joining.user_id,
        "role": role,
        "home_region": joining.home_region,
        "email": joining.email,
        "email_key": normalise(joining.email),
        "joined_at": joining.at_ms,
    }
    await connection.execute(insert(members).values(values))


async def require_room(connection: AsyncConnection, org_id: str) -> None:
    """Raises Forbidden(PLAN_REQUIRED) where the plan has no room for one member more."""
    these = select(func.count()).select_from(members).where(members.c.org_id == org_id)
    plan = select(orgs.c.plan).where(orgs.c.org_id == org_id)
    require_members((await connection.execute(plan)).scalar_one(), (await connection.scalar(these) or 0) + 1)


async def end_membership(
    connection: AsyncConnection, region: str, org_id: str, user_id: str, role: OrgRole
) -> list[Row]:
    """With its places in teams and roles, and its single sign-ons, whose ends are to be told.

    Raises Conflict(LAST_OWNER).
    """
    if role == OWNER:
        await require_another_owner(connection, org_id)
    mine = select(org_projects.c.project_id).where(org_projects.c.org_id == org_id)
    for table, these in (
        (project_roles, project_roles.c.project_id.in_(mine)),
        (team_members, team_members.c.org_id == org_id),
        (members, members.c.org_id == org_id),
    ):
        await connection.execute(delete(table).where(table.c.user_id == user_id, these))
    await refresh(connection, org_id)
    # After the member's row is gone: whoever signed in meanwhile has a session by now, or gets none.
    sign_ons = (sessions.c.org_id == org_id) & (sessions.c.member_id == user_id)
    return await end_sessions(connection, region, sign_ons, ends_forgotten_ms(wall_ms()))


async def require_another_owner(connection: AsyncConnection, org_id: str) -> None:
    """Raises Conflict(LAST_OWNER) where there is one Owner only."""
    query = select(func.count()).select_from(members)
    owners = await connection.scalar(query.where(members.c.org_id == org_id, members.c.role == OWNER))
    if not owners or owners < 2:
        raise Conflict(ErrorReason.ERROR_REASON_LAST_OWNER)

"""Whom a directory sees in an organisation: its members, and whom it has named and who is none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import Row, and_, exists, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh.errors import NotFound
from mesh.hints import normalise
from sankofa.org.v1.org_pb2 import OrgRole
from sankofa.residency.v1.error_pb2 import ErrorReason
from storage.records.scim import Reference, ScimFields, ScimUser
from storage.records.tables import members, scim_users, team_members, teams

NO_ROLE = OrgRole.ORG_ROLE_UNSPECIFIED


async def found_in(
    connection: AsyncConnection, org_id: str, *, user_id: str = "", external_id: str = ""
) -> list[ScimUser]:
    """Members, and whom a directory has named and who is none: of an id or a number, if given."""
    said = scim_users.c
    same = and_(said.org_id == members.c.org_id, said.user_id == members.c.user_id)
    columns = (said.user_name, said.external_id, said.email.label("said_email"), said.created_at)
    here = select(members, *columns, said.changed_at).outerjoin_from(members, scim_users, same)
    here = here.where(members.c.org_id == org_id)
    gone = select(scim_users).where(said.org_id == org_id, ~exists().where(same))
    if user_id:
        here, gone = here.where(members.c.user_id == user_id), gone.where(said.user_id == user_id)
    if external_id:
        here, gone = here.where(said.external_id == external_id), gone.where(said.external_id == external_id)
    active = [_active(row) for row in await connection.execute(here)]
    rows = (await connection.execute(gone)).all()
    taken = await _names(connection, org_id) if rows else set()
    inactive = [
        ScimUser(
            row.user_id,
            ScimFields(row.user_name, row.external_id, row.email, NO_ROLE, False),
            row.created_at,
            row.changed_at,
        )
        for row in rows
        if normalise(row.user_name) not in taken
    ]
    return sorted([*active, *inactive], key=lambda user: (user.created_at_ms, user.user_id))


async def _names(connection: AsyncConnection, org_id: str) -> set[str]:
    """Of the members."""
    said = scim_users.c
    same = and_(said.org_id == members.c.org_id, said.user_id == members.c.user_id)
    name = func.coalesce(said.user_name, members.c.email)
    query = select(name).outerjoin_from(members, scim_users, same).where(members.c.org_id == org_id)
    return {normalise(each) for each in await connection.scalars(query)}


def _active(row: Row[Any]) -> ScimUser:
    """A member whom no directory has named yet has their e-mail as a name."""
    named = row.user_name is not None
    fields = ScimFields(
        row.user_name if named else row.email,
        row.external_id if named else "",
        row.said_email if named else row.email,
        row.role,
        True,
    )
    created = row.created_at if named else row.joined_at
    return ScimUser(row.user_id, fields, created, row.changed_at if named else created, bool(row.home_region))


async def one_of(connection: AsyncConnection, org_id: str, user_id: str) -> ScimUser:
    """Without groups. Raises NotFound(MEMBER_NOT_FOUND)."""
    for user in await found_in(connection, org_id, user_id=user_id):
        return user
    raise NotFound(ErrorReason.ERROR_REASON_MEMBER_NOT_FOUND)


async def shown(connection: AsyncConnection, org_id: str, user_id: str) -> ScimUser:
    """With groups. Raises NotFound(MEMBER_NOT_FOUND)."""
    return (await with_groups(connection, org_id, [await one_of(connection, org_id, user_id)]))[0]


async def with_groups(connection: AsyncConnection, org_id: str, users: list[ScimUser]) -> list[ScimUser]:
    """Each with the teams that they are in."""
    ids = [user.user_id for user in users]
    query = (
        select(team_members.c.user_id, teams.c.team_id, teams.c.name)
        .join_from(team_members, teams, teams.c.team_id == team_members.c.team_id)
        .where(team_members.c.org_id == org_id, team_members.c.user_id.in_(ids))
        .order_by(teams.c.name, teams.c.team_id)
    )
    groups: dict[str, list[Reference]] = {}
    for row in await connection.execute(query):
        groups.setdefault(row.user_id, []).append(Reference(row.team_id, row.name))
    return [replace(user, groups=tuple(groups.get(user.user_id, ()))) for user in users]

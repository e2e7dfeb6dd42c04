"""Whom a directory sees in an organisation: its members, and whom it has named and who is none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

from sqlalchemy import ColumnElement, CompoundSelect, Row, and_, exists, select
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh.errors import Conflict, NotFound
from mesh.hints import normalise
from sankofa.org.v1.org_pb2 import OrgRole
from sankofa.residency.v1.error_pb2 import ErrorReason
from storage.records.scim import Reference, ScimFields, ScimUser
from storage.records.tables import members, scim_users, team_members, teams

NO_ROLE = OrgRole.ORG_ROLE_UNSPECIFIED


async def found_in(
    connection: AsyncConnection, org_id: str, *, user_id: str = "", external_id: str = "", name: str = ""
) -> list[ScimUser]:
    """Members, and whom a directory has named and who is none: of an id, a number or a name, if given."""
    said = scim_users.c
    same = and_(said.org_id == members.c.org_id, said.user_id == members.c.user_id)
    columns = (said.user_name, said.external_id, said.email.label("said_email"), said.created_at)
    here = select(members, *columns, said.changed_at).outerjoin_from(members, scim_users, same)
    here = here.where(members.c.org_id == org_id)
    # Who is none is not shown where a member has their name by now.
    taken = _members_with(org_id, "user_name_key", said.user_name_key).exists()
    gone = select(scim_users).where(said.org_id == org_id, ~exists().where(same), ~taken)
    if user_id:
        here, gone = here.where(members.c.user_id == user_id), gone.where(said.user_id == user_id)
    if external_id:
        here, gone = here.where(said.external_id == external_id), gone.where(said.external_id == external_id)
    if key := normalise(name):
        here = here.where(members.c.user_id.in_(_members_with(org_id, "user_name_key", key)))
        gone = gone.where(said.user_name_key == key)
    active = [_active(row) for row in await connection.execute(here)]
    inactive = [
        ScimUser(
            row.user_id,
            ScimFields(row.user_name, row.external_id, row.email, NO_ROLE, False),
            row.created_at,
            row.changed_at,
        )
        for row in await connection.execute(gone)
    ]
    return sorted([*active, *inactive], key=lambda user: (user.created_at_ms, user.user_id))


async def require_free(connection: AsyncConnection, org_id: str, user_id: str, fields: ScimFields) -> None:
    """Names are one in whatever case, and so are e-mails of members. Raises Conflict(ALREADY_MEMBER)."""
    said, name = scim_users.c, normalise(fields.user_name)
    told = select(said.user_id).where(said.org_id == org_id, said.user_name_key == name)
    for called in (told, _members_with(org_id, "user_name_key", name)):
        if set(await connection.scalars(called)) - {user_id}:
            raise Conflict(ErrorReason.ERROR_REASON_ALREADY_MEMBER, detail="userName is another user's")
    mailed = _members_with(org_id, "email_key", normalise(fields.email))
    if fields.active and set(await connection.scalars(mailed)) - {user_id}:
        raise Conflict(ErrorReason.ERROR_REASON_ALREADY_MEMBER, detail="the e-mail is another member's")


def _members_with(
    org_id: str, column: Literal["user_name_key", "email_key"], key: str | ColumnElement[str]
) -> CompoundSelect[str]:
    """The user ids of members with a name or an e-mail: what the directory says, or else their own e-mail.

    Each half has an index. `key` may be a column of `scim_users` in the query around.
    """
    member, said = members.alias("member"), scim_users.alias("said")
    same = and_(said.c.org_id == member.c.org_id, said.c.user_id == member.c.user_id)
    told = select(member.c.user_id).join_from(member, said, same)
    told = told.where(said.c.org_id == org_id, said.c[column] == key)
    untold = select(member.c.user_id).outerjoin_from(member, said, same)
    untold = untold.where(member.c.org_id == org_id, member.c.email_key == key, said.c.user_id.is_(None))
    return told.correlate(scim_users).union_all(untold.correlate(scim_users))


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

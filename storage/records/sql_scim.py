"""ScimRecords in SQL: what a directory has said, beside the members that there are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import Row, and_, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh.errors import Conflict, NotFound
from mesh.hints import normalise
from mesh.permissions import org_role_name
from sankofa.org.v1.org_pb2 import OrgRole
from sankofa.residency.v1.error_pb2 import ErrorReason
from storage.records.change import Change, org_change
from storage.records.engine import Database
from storage.records.orgs import OrgRecord
from storage.records.scim import Judges, Reference, ScimFields, ScimPage, ScimToken, ScimUser
from storage.records.sql_access import refresh
from storage.records.sql_members import changing, end_membership, require_room
from storage.records.sql_scim_tokens import end_token, put_token, token_of
from storage.records.tables import members, orgs, scim_users, team_members, teams

NO_ROLE = OrgRole.ORG_ROLE_UNSPECIFIED


class SqlScimRecords:
    """The directories of this region's organisations."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def org(self, org_id: str) -> OrgRecord | None:
        """As ScimRecords says."""
        async with self._database.read() as connection:
            row = (await connection.execute(select(orgs).where(orgs.c.org_id == org_id))).one_or_none()
        return None if row is None else OrgRecord(row.org_id, row.name, row.plan, row.epoch, row.created_at)

    async def token(self, org_id: str) -> ScimToken | None:
        """As ScimRecords says."""
        async with self._database.read() as connection:
            return await token_of(connection, org_id)

    async def put_token(self, org_id: str, token: ScimToken) -> None:
        """As ScimRecords says."""
        async with org_change(self._database, org_id) as change:
            await put_token(change, org_id, token)

    async def delete_token(self, org_id: str) -> None:
        """As ScimRecords says."""
        async with org_change(self._database, org_id) as change:
            if not await end_token(change, org_id):
                change.nothing()

    async def users(self, org_id: str, page: ScimPage) -> tuple[list[ScimUser], int]:
        """As ScimRecords says."""
        name = normalise(page.name)
        async with self._database.read() as connection:
            found = [
                user
                for user in await _everyone(connection, org_id)
                if page.id in ("", user.user_id)
                and page.external_id in ("", user.fields.external_id)
                and name in ("", normalise(user.fields.user_name))
            ]
            some = found[page.offset : page.offset + page.limit]
            return await _with_groups(connection, org_id, some), len(found)

    async def create_user(self, org_id: str, user_id: str, fields: ScimFields, at_ms: int) -> ScimUser:
        """As ScimRecords says."""
        async with changing(self._database, org_id) as change:
            _require_free(await _everyone(change.connection, org_id), fields)
            if fields.active:
                await _join(change.connection, org_id, user_id, fields, at_ms)
            await _write(change.connection, org_id, user_id, fields, at_ms, at_ms)
            action = "member.provisioned" if fields.active else "scim.user.created"
            change.note(action, "member", user_id, after=_told(fields))
            return await _user(change.connection, org_id, user_id)

    async def replace_user(
        self,
        org_id: str,
        user_id: str,
        fields: ScimFields,
        *,
        version: str,
        default_role: OrgRole,
        judges: Judges,
        at_ms: int,
    ) -> ScimUser:
        """As ScimRecords says."""
        async with changing(self._database, org_id) as change:
            everyone = await _everyone(change.connection, org_id)
            found = _among(everyone, user_id)
            if found.version != version:
                raise Conflict(ErrorReason.ERROR_REASON_CHANGED_MEANWHILE)
            before = found.fields
            judges(before, fields)
            if fields.role == NO_ROLE:
                fields = replace(fields, role=before.role if before.active else default_role)
            _require_free([other for other in everyone if other.user_id != user_id], fields)
            await _write(change.connection, org_id, user_id, fields, found.created_at_ms, at_ms)
            await _change_membership(change.connection, org_id, found, fields, at_ms)
            _note(change, user_id, before, fields)
            return await _user(change.connection, org_id, user_id)

    async def delete_user(self, org_id: str, user_id: str) -> None:
        """As ScimRecords says."""
        async with changing(self._database, org_id) as change:
            before = _among(await _everyone(change.connection, org_id), user_id).fields
            if before.active:
                await end_membership(change.connection, org_id, user_id, before.role)
            this = (scim_users.c.org_id == org_id, scim_users.c.user_id == user_id)
            await change.connection.execute(delete(scim_users).where(*this))
            action = "member.removed" if before.active else "scim.user.deleted"
            change.note(action, "member", user_id, before=_told(before))


async def _everyone(connection: AsyncConnection, org_id: str) -> list[ScimUser]:
    """Members, and whom a directory has named and who is none."""
    said = scim_users.c
    same = and_(said.org_id == members.c.org_id, said.user_id == members.c.user_id)
    columns = (said.user_name, said.external_id, said.email.label("said_email"), said.created_at)
    here = select(members, *columns, said.changed_at).outerjoin_from(members, scim_users, same)
    active = [_active(row) for row in await connection.execute(here.where(members.c.org_id == org_id))]
    taken = {normalise(user.fields.user_name) for user in active} | {user.user_id for user in active}
    gone = await connection.execute(select(scim_users).where(said.org_id == org_id))
    inactive = [
        ScimUser(
            row.user_id,
            ScimFields(row.user_name, row.external_id, row.email, NO_ROLE, False),
            row.created_at,
            row.changed_at,
        )
        for row in gone
        if row.user_id not in taken and normalise(row.user_name) not in taken
    ]
    return sorted([*active, *inactive], key=lambda user: (user.created_at_ms, user.user_id))


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


def _among(everyone: list[ScimUser], user_id: str) -> ScimUser:
    for user in everyone:
        if user.user_id == user_id:
            return user
    raise NotFound(ErrorReason.ERROR_REASON_MEMBER_NOT_FOUND)


async def _user(connection: AsyncConnection, org_id: str, user_id: str) -> ScimUser:
    found = _among(await _everyone(connection, org_id), user_id)
    return (await _with_groups(connection, org_id, [found]))[0]


async def _with_groups(connection: AsyncConnection, org_id: str, users: list[ScimUser]) -> list[ScimUser]:
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


def _require_free(others: list[ScimUser], fields: ScimFields) -> None:
    """Names are one in whatever case, and so are e-mails of members."""
    name, email = normalise(fields.user_name), normalise(fields.email)
    for other in others:
        if normalise(other.fields.user_name) == name:
            raise Conflict(ErrorReason.ERROR_REASON_ALREADY_MEMBER, detail="userName is another user's")
        if fields.active and other.fields.active and normalise(other.fields.email) == email:
            raise Conflict(ErrorReason.ERROR_REASON_ALREADY_MEMBER, detail="the e-mail is another member's")


async def _write(
    connection: AsyncConnection,
    org_id: str,
    user_id: str,
    fields: ScimFields,
    created_at_ms: int,
    changed_at_ms: int,
) -> None:
    this = (scim_users.c.org_id == org_id, scim_users.c.user_id == user_id)
    await connection.execute(delete(scim_users).where(*this))
    values = {
        "org_id": org_id,
        "user_id": user_id,
        "user_name": fields.user_name,
        "external_id": fields.external_id,
        "email": fields.email,
        "created_at": created_at_ms,
        "changed_at": changed_at_ms,
    }
    await connection.execute(insert(scim_users).values(values))


async def _join(
    connection: AsyncConnection, org_id: str, user_id: str, fields: ScimFields, at_ms: int
) -> None:
    """Without a home region: nobody but the organisation's provider can vouch for them."""
    await require_room(connection, org_id)
    values = {
        "org_id": org_id,
        "user_id": user_id,
        "role": fields.role,
        "home_region": "",
        "email": fields.email,
        "joined_at": at_ms,
    }
    await connection.execute(insert(members).values(values))
    await refresh(connection, org_id)


async def _change_membership(
    connection: AsyncConnection, org_id: str, found: ScimUser, fields: ScimFields, at_ms: int
) -> None:
    before, user_id = found.fields, found.user_id
    if before.active and not fields.active:
        await end_membership(connection, org_id, user_id, before.role)
    elif fields.active and not before.active:
        await _join(connection, org_id, user_id, fields, at_ms)
    elif fields.active:
        values: dict[str, object] = {"role": fields.role}
        if not found.own_email:
            values["email"] = fields.email
        this = (members.c.org_id == org_id, members.c.user_id == user_id)
        await connection.execute(update(members).where(*this).values(values))
        await refresh(connection, org_id)


def _note(change: Change, user_id: str, before: ScimFields, after: ScimFields) -> None:
    if not after.active:
        after = replace(after, role=NO_ROLE)
    if before == after:
        change.nothing()
        return
    if before.active != after.active:
        action = "member.reactivated" if after.active else "member.deactivated"
    else:
        action = "member.role.updated" if before.role != after.role else "scim.user.updated"
    old, new = _told(before), _told(after)
    changed = [name for name in old if old[name] != new[name]]
    change.note(
        action,
        "member",
        user_id,
        before={name: old[name] for name in changed},
        after={name: new[name] for name in changed},
    )


def _told(fields: ScimFields) -> dict[str, Any]:
    return {
        "user_name": fields.user_name,
        "external_id": fields.external_id,
        "email": fields.email,
        "role": org_role_name(fields.role) if fields.role != NO_ROLE else None,
        "active": fields.active,
    }

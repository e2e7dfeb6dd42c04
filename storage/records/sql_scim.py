"""ScimRecords in SQL: what a directory has said, beside the members that there are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh.errors import Conflict
from mesh.hints import normalise
from mesh.permissions import org_role_name
from sankofa.org.v1.org_pb2 import OrgRole
from sankofa.registry.v1.registry_pb2 import Row
from sankofa.residency.v1.error_pb2 import ErrorReason
from storage.records.change import Change, org_change
from storage.records.engine import Database
from storage.records.members import Joining
from storage.records.orgs import OrgRecord
from storage.records.scim import Judges, ScimFields, ScimPage, ScimToken, ScimUser
from storage.records.sql_access import refresh
from storage.records.sql_members import changing
from storage.records.sql_memberships import end_membership, insert_member, require_room
from storage.records.sql_scim_tokens import end_token, put_token, token_of
from storage.records.sql_scim_users import found_in, one_of, require_free, shown, with_groups
from storage.records.tables import members, orgs, scim_users

NO_ROLE = OrgRole.ORG_ROLE_UNSPECIFIED
MOST_USERS = 10_000
"""Of one organisation whom its directory has named."""


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
        async with self._database.read() as connection:
            found = await found_in(
                connection, org_id, user_id=page.id, external_id=page.external_id, name=page.name
            )
            some = found[page.offset : page.offset + page.limit]
            return await with_groups(connection, org_id, some), len(found)

    async def create_user(self, org_id: str, user_id: str, fields: ScimFields, at_ms: int) -> ScimUser:
        """As ScimRecords says."""
        async with changing(self._database, org_id) as change:
            await require_free(change.connection, org_id, user_id, fields)
            if fields.active:
                await _join(change.connection, org_id, user_id, fields, at_ms)
            await _write(change.connection, org_id, user_id, fields, at_ms, at_ms)
            action = "member.provisioned" if fields.active else "scim.user.created"
            change.note(action, "member", user_id, after=_told(fields))
            return await shown(change.connection, org_id, user_id)

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
    ) -> tuple[ScimUser, list[Row]]:
        """As ScimRecords says."""
        async with changing(self._database, org_id) as change:
            found = await one_of(change.connection, org_id, user_id)
            if found.version != version:
                raise Conflict(ErrorReason.ERROR_REASON_CHANGED_MEANWHILE)
            before = found.fields
            judges(before, fields)
            if fields.role == NO_ROLE:
                fields = replace(fields, role=before.role if before.active else default_role)
            await require_free(change.connection, org_id, user_id, fields)
            await _write(change.connection, org_id, user_id, fields, found.created_at_ms, at_ms)
            ended = await self._change_membership(change.connection, org_id, found, fields, at_ms)
            _note(change, user_id, before, fields)
            return await shown(change.connection, org_id, user_id), ended

    async def delete_user(self, org_id: str, user_id: str) -> list[Row]:
        """As ScimRecords says."""
        async with changing(self._database, org_id) as change:
            before, ended = (await one_of(change.connection, org_id, user_id)).fields, list[Row]()
            if before.active:
                ended = await end_membership(
                    change.connection, self._database.region, org_id, user_id, before.role
                )
            this = (scim_users.c.org_id == org_id, scim_users.c.user_id == user_id)
            await change.connection.execute(delete(scim_users).where(*this))
            action = "member.removed" if before.active else "scim.user.deleted"
            change.note(action, "member", user_id, before=_told(before))
            return ended

    async def _change_membership(
        self, connection: AsyncConnection, org_id: str, found: ScimUser, fields: ScimFields, at_ms: int
    ) -> list[Row]:
        before, user_id = found.fields, found.user_id
        if before.active and not fields.active:
            return await end_membership(connection, self._database.region, org_id, user_id, before.role)
        if fields.active and not before.active:
            await _join(connection, org_id, user_id, fields, at_ms)
        elif fields.active:
            values: dict[str, object] = {"role": fields.role}
            if not found.own_email:
                values |= {"email": fields.email, "email_key": normalise(fields.email)}
            this = (members.c.org_id == org_id, members.c.user_id == user_id)
            await connection.execute(update(members).where(*this).values(values))
            await refresh(connection, org_id)
        return []


async def _require_room(connection: AsyncConnection, org_id: str) -> None:
    query = select(func.count()).select_from(scim_users).where(scim_users.c.org_id == org_id)
    if (await connection.scalar(query) or 0) >= MOST_USERS:
        raise Conflict(
            ErrorReason.ERROR_REASON_TOO_MANY,
            detail=f"a directory names {MOST_USERS:,} users at most, active or not: delete some",
        )


async def _write(
    connection: AsyncConnection,
    org_id: str,
    user_id: str,
    fields: ScimFields,
    created_at_ms: int,
    changed_at_ms: int,
) -> None:
    this = (scim_users.c.org_id == org_id, scim_users.c.user_id == user_id)
    before = await connection.execute(delete(scim_users).where(*this))
    if not before.rowcount:
        await _require_room(connection, org_id)
    values = {
        "org_id": org_id,
        "user_id": user_id,
        "user_name": fields.user_name,
        "user_name_key": normalise(fields.user_name),
        "external_id": fields.external_id,
        "email": fields.email,
        "email_key": normalise(fields.email),
        "created_at": created_at_ms,
        "changed_at": changed_at_ms,
    }
    await connection.execute(insert(scim_users).values(values))


async def _join(
    connection: AsyncConnection, org_id: str, user_id: str, fields: ScimFields, at_ms: int
) -> None:
    await require_room(connection, org_id)
    joining = Joining(user_id, fields.email, home_region="", at_ms=at_ms)
    await insert_member(connection, org_id, fields.role, joining)
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

"""ScimGroupRecords in SQL: the organisation's teams, whoever made them."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh.errors import Conflict, InvalidInput, NotFound
from mesh.hints import normalise
from sankofa.residency.v1.error_pb2 import ErrorReason
from storage.records.change import Change
from storage.records.engine import Database
from storage.records.scim import ScimGroup, ScimPage
from storage.records.sql_access import refresh
from storage.records.sql_members import changing
from storage.records.sql_teams import delete_team, named, require_team_room
from storage.records.tables import members, team_members, teams


class SqlScimGroupRecords:
    """The teams of this region's organisations, as their directories see them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def groups(self, org_id: str, page: ScimPage) -> tuple[list[ScimGroup], int]:
        """As ScimGroupRecords says."""
        these = [teams.c.org_id == org_id]
        if page.id:
            these.append(teams.c.team_id == page.id)
        if page.external_id:
            these.append(teams.c.external_id == page.external_id)
        if name := normalise(page.name):
            these.append(teams.c.name_key == name)
        some = select(teams).where(*these).order_by(teams.c.created_at, teams.c.team_id)
        total = select(func.count()).select_from(teams).where(*these)
        async with self._database.read() as connection:
            found = await connection.execute(some.offset(page.offset).limit(page.limit))
            groups = [ScimGroup(row.team_id, row.name, row.external_id, row.created_at) for row in found]
            shown = [await _with_members(connection, org_id, group) for group in groups]
            return shown, (await connection.execute(total)).scalar_one()

    async def create_group(self, org_id: str, group: ScimGroup) -> ScimGroup:
        """As ScimGroupRecords says."""
        async with changing(self._database, org_id) as change:
            await require_team_room(change.connection, org_id)
            values = {
                "team_id": group.team_id,
                "org_id": org_id,
                "external_id": group.external_id,
                "created_at": group.created_at_ms,
            }
            await change.connection.execute(insert(teams).values(values | named(group.name)))
            change.note("team.created", "team", group.team_id, after={"name": group.name})
            await _set_members(change, org_id, group, set())
            return await _group(change.connection, org_id, group.team_id)

    async def replace_group(self, org_id: str, group: ScimGroup, *, version: str) -> ScimGroup:
        """As ScimGroupRecords says."""
        async with changing(self._database, org_id) as change:
            before = await _group(change.connection, org_id, group.team_id)
            if before.version != version:
                raise Conflict(ErrorReason.ERROR_REASON_CHANGED_MEANWHILE)
            told = {"name": before.name, "external_id": before.external_id}
            wanted = {"name": group.name, "external_id": group.external_id}
            if told != wanted:
                this = update(teams).where(teams.c.team_id == group.team_id)
                await change.connection.execute(this.values(wanted | named(group.name)))
                action = "team.renamed" if before.name != group.name else "team.updated"
                change.note(action, "team", group.team_id, before=told, after=wanted)
            changed = await _set_members(change, org_id, group, set(before.user_ids))
            if told == wanted and not changed:
                change.nothing()
            return await _group(change.connection, org_id, group.team_id)

    async def delete_group(self, org_id: str, team_id: str) -> None:
        """As ScimGroupRecords says."""
        async with changing(self._database, org_id) as change:
            await delete_team(change, org_id, team_id)


async def _set_members(change: Change, org_id: str, group: ScimGroup, had: set[str]) -> bool:
    """Whether somebody has come or gone."""
    wanted = set(group.user_ids)
    connection, team_id = change.connection, group.team_id
    await _require_members(connection, org_id, wanted - had)
    for user_id in sorted(wanted - had):
        values = {"team_id": team_id, "user_id": user_id, "org_id": org_id}
        await connection.execute(insert(team_members).values(values))
        change.note("team.member.added", "team", team_id, after={"user_id": user_id})
    for user_id in sorted(had - wanted):
        this = (team_members.c.team_id == team_id, team_members.c.user_id == user_id)
        await connection.execute(delete(team_members).where(*this))
        change.note("team.member.removed", "team", team_id, after={"user_id": user_id})
    await refresh(connection, org_id)
    return wanted != had


async def _require_members(connection: AsyncConnection, org_id: str, user_ids: set[str]) -> None:
    mine = select(members.c.user_id).where(members.c.org_id == org_id, members.c.user_id.in_(user_ids))
    unknown = user_ids - set((await connection.scalars(mine)).all())
    if unknown:
        raise InvalidInput(detail=f"members: {min(unknown)[:50]} is no active user of this organisation")


async def _group(connection: AsyncConnection, org_id: str, team_id: str) -> ScimGroup:
    query = select(teams).where(teams.c.org_id == org_id, teams.c.team_id == team_id)
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        raise NotFound(ErrorReason.ERROR_REASON_TEAM_NOT_FOUND)
    group = ScimGroup(row.team_id, row.name, row.external_id, row.created_at)
    return await _with_members(connection, org_id, group)


async def _with_members(connection: AsyncConnection, org_id: str, group: ScimGroup) -> ScimGroup:
    mine = (team_members.c.org_id == org_id, team_members.c.team_id == group.team_id)
    query = select(team_members.c.user_id).where(*mine).order_by(team_members.c.user_id)
    return replace(group, user_ids=tuple((await connection.scalars(query)).all()))

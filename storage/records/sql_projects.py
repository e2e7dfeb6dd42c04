"""ProjectRecords in SQL."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Row, and_, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh.allowlists import AllowLists
from mesh.errors import Conflict, NotFound
from mesh.plans import Plan, is_plan
from sankofa.residency.v1.environment_pb2 import Environment
from sankofa.residency.v1.error_pb2 import ErrorReason
from storage.records.change import Change, project_change
from storage.records.engine import Database
from storage.records.outbox import enqueue
from storage.records.projects import Granted, KeyRecord, ProjectRecord, ProjectWithKeys, Retention
from storage.records.rows import key_row, pin_row
from storage.records.sql_api_tokens import revoke_all as revoke_tokens
from storage.records.tables import api_keys, projects

_KEYS_IN_ORDER = (api_keys.c.created_at, api_keys.c.environment, api_keys.c.key_id)
"""A project's first two keys are of one moment: live before test, whatever their random ids."""


class SqlProjectRecords:
    """The projects pinned here and their keys."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def provision(self, project: ProjectRecord, keys: Sequence[KeyRecord]) -> ProjectWithKeys:
        """As ProjectRecords says."""
        self._database.require_here(project.region)
        async with project_change(self._database, project.project_id) as change:
            connection = change.connection
            earlier = await _project(connection, project.project_id, lock=True)
            if earlier is None:
                await connection.execute(insert(projects).values(_project_values(project)))
                change.note("project.provisioned", "project", project.project_id)
            elif earlier.org_id != project.org_id:
                raise Conflict
            else:
                _require_active(earlier)
                await self._revoke_all(change, project.project_id, keys[0].created_at_ms)
            await enqueue(connection, [pin_row(project)])
            for key in keys:
                await self._add_key(change, key)
            return ProjectWithKeys(earlier or project, await _keys(connection, project.project_id))

    async def project(self, project_id: str) -> ProjectRecord | None:
        """As ProjectRecords says."""
        async with self._database.read() as connection:
            return await _project(connection, project_id)

    async def with_keys(self, project_id: str) -> ProjectWithKeys | None:
        """As ProjectRecords says."""
        async with self._database.read() as connection:
            project = await _project(connection, project_id)
            if project is None:
                return None
            return ProjectWithKeys(project, await _keys(connection, project_id))

    async def add_key(self, key: KeyRecord) -> None:
        """As ProjectRecords says."""
        async with project_change(self._database, key.project_id) as change:
            _require_active(await _found(change.connection, key.project_id))
            await self._add_key(change, key)

    async def revoke_key(self, project_id: str, key_id: str, now_ms: int) -> KeyRecord:
        """As ProjectRecords says."""
        async with project_change(self._database, project_id) as change:
            of_project = {key.key_id: key for key in await _keys(change.connection, project_id, lock=True)}
            key = of_project.get(key_id)
            if key is None:
                raise NotFound(ErrorReason.ERROR_REASON_KEY_NOT_FOUND)
            if key.revoked_at_ms is not None:
                change.nothing()
            return await self._revoke(change, key, now_ms)

    async def archive(self, project_id: str, now_ms: int) -> ProjectWithKeys:
        """As ProjectRecords says."""
        async with project_change(self._database, project_id) as change:
            found = await _found(change.connection, project_id)
            this = update(projects).where(projects.c.project_id == project_id)
            await change.connection.execute(this.values(state="archived"))
            if found.state == "archived":
                change.nothing()
            else:
                change.note("project.archived", "project", project_id)
            await revoke_tokens(change, project_id, now_ms)
            keys = await self._revoke_all(change, project_id, now_ms)
            return ProjectWithKeys(replace(found, state="archived"), keys)

    async def set_allow_lists(
        self, project_id: str, *, domains: tuple[str, ...] | None, networks: tuple[str, ...] | None
    ) -> ProjectWithKeys:
        """As ProjectRecords says."""
        async with project_change(self._database, project_id) as change:
            connection = change.connection
            project = await _found(connection, project_id)
            kept = project.allow_lists
            lists = AllowLists(
                kept.domains if domains is None else domains, kept.networks if networks is None else networks
            )
            this = update(projects).where(projects.c.project_id == project_id)
            await connection.execute(this.values(_list_values(lists)))
            before, after = _list_values(kept), _list_values(lists)
            change.note("project.allow_lists.updated", "project", project_id, before=before, after=after)
            changed = replace(project, allow_lists=lists)
            return ProjectWithKeys(changed, await _keys(connection, project_id))

    async def set_retention(self, days: Mapping[str, int]) -> None:
        """As ProjectRecords says. The first word is no change: what was stored before it stays as it is."""
        known = projects.c.retention_days != 0
        async with self._database.write() as connection:
            for project_id, wanted in sorted(days.items()):
                changed = (projects.c.project_id == project_id, projects.c.retention_days != wanted)
                stays = and_(projects.c.older_events_stay, ~known)
                await connection.execute(
                    update(projects).where(*changed).values(retention_days=wanted, older_events_stay=stays)
                )

    async def set_granted(self, granted: Mapping[str, Granted]) -> None:
        """As ProjectRecords says."""
        async with self._database.write() as connection:
            for project_id, wanted in sorted(granted.items()):
                this = update(projects).where(projects.c.project_id == project_id)
                await connection.execute(this.values(audit_days=wanted.audit_days, plan=wanted.plan or ""))

    async def plan(self, project_id: str) -> Plan | None:
        """As ProjectRecords says."""
        query = select(projects.c.plan).where(projects.c.project_id == project_id)
        async with self._database.read() as connection:
            told = await connection.scalar(query)
        return told if told and is_plan(told) else None

    async def plans(self) -> dict[str, Plan]:
        """As ProjectRecords says."""
        query = select(projects.c.project_id, projects.c.plan)
        async with self._database.read() as connection:
            found = (await connection.execute(query)).all()
        return {row.project_id: row.plan for row in found if is_plan(row.plan)}

    async def retention(self) -> dict[str, Retention]:
        """As ProjectRecords says."""
        query = select(projects.c.project_id, projects.c.retention_days, projects.c.older_events_stay)
        async with self._database.read() as connection:
            found = await connection.execute(query.where(projects.c.retention_days != 0))
            return {row.project_id: Retention(row.retention_days, row.older_events_stay) for row in found}

    async def all(self) -> list[ProjectWithKeys]:
        """As ProjectRecords says."""
        async with self._database.read() as connection:
            found: defaultdict[str, list[KeyRecord]] = defaultdict(list)
            for row in await connection.execute(select(api_keys).order_by(*_KEYS_IN_ORDER)):
                found[row.project_id].append(_key_record(row))
            every = await connection.execute(select(projects).order_by(projects.c.created_at))
            return [ProjectWithKeys(_project_record(row), found[row.project_id]) for row in every]

    async def _add_key(self, change: Change, key: KeyRecord) -> None:
        await change.connection.execute(insert(api_keys).values(_key_values(key)))
        await enqueue(change.connection, [key_row(self._database.region, key)])
        after = {"environment": Environment.Name(key.environment).removeprefix("ENVIRONMENT_").lower()}
        change.note("api_key.created", "api_key", key.key_id, after=after)

    async def _revoke_all(self, change: Change, project_id: str, now_ms: int) -> list[KeyRecord]:
        return [
            await self._revoke(change, key, now_ms)
            for key in await _keys(change.connection, project_id, lock=True)
        ]

    async def _revoke(self, change: Change, key: KeyRecord, now_ms: int) -> KeyRecord:
        if key.revoked_at_ms is not None:
            return key
        revoked = replace(key, revoked_at_ms=now_ms)
        this = update(api_keys).where(api_keys.c.key_id == key.key_id)
        await change.connection.execute(this.values(revoked_at=now_ms))
        await enqueue(change.connection, [key_row(self._database.region, revoked)])
        change.note("api_key.revoked", "api_key", key.key_id)
        return revoked


async def _found(connection: AsyncConnection, project_id: str) -> ProjectRecord:
    project = await _project(connection, project_id, lock=True)
    if project is None:
        raise NotFound(ErrorReason.ERROR_REASON_PROJECT_NOT_FOUND)
    return project


def _require_active(project: ProjectRecord) -> None:
    if project.state == "archived":
        raise Conflict(ErrorReason.ERROR_REASON_PROJECT_ARCHIVED)


async def _project(
    connection: AsyncConnection, project_id: str, *, lock: bool = False
) -> ProjectRecord | None:
    query = select(projects).where(projects.c.project_id == project_id)
    row = (await connection.execute(query.with_for_update() if lock else query)).one_or_none()
    return None if row is None else _project_record(row)


async def _keys(connection: AsyncConnection, project_id: str, *, lock: bool = False) -> list[KeyRecord]:
    query = select(api_keys).where(api_keys.c.project_id == project_id).order_by(*_KEYS_IN_ORDER)
    return [_key_record(row) for row in await connection.execute(query.with_for_update() if lock else query)]


def _project_record(row: Row[Any]) -> ProjectRecord:
    return ProjectRecord(
        row.project_id,
        row.org_id,
        row.name,
        row.region,
        row.state,
        row.created_at,
        row.retention_days,
        AllowLists(tuple(row.authorized_domains), tuple(row.authorized_ips)),
    )


def _project_values(project: ProjectRecord) -> dict[str, object]:
    return {
        "project_id": project.project_id,
        "org_id": project.org_id,
        "name": project.name,
        "region": project.region,
        "state": project.state,
        "created_at": project.created_at_ms,
        "retention_days": project.retention_days,
        **_list_values(project.allow_lists),
    }


def _list_values(lists: AllowLists) -> dict[str, object]:
    return {"authorized_domains": list(lists.domains), "authorized_ips": list(lists.networks)}


def _key_record(row: Row[Any]) -> KeyRecord:
    return KeyRecord(
        row.key_id, row.project_id, row.environment, row.key_hash, row.created_at, row.revoked_at
    )


def _key_values(key: KeyRecord) -> dict[str, object]:
    return {
        "key_id": key.key_id,
        "project_id": key.project_id,
        "environment": key.environment,
        "key_hash": key.key_hash,
        "created_at": key.created_at_ms,
        "revoked_at": key.revoked_at_ms,
    }

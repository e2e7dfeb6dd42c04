"""ApiTokenRecords in SQL."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh.errors import Conflict, NotFound
from mesh.permissions import project_role_name
from sankofa.residency.v1.error_pb2 import ErrorReason
from storage.records.api_tokens import MOST_ENDED, MOST_TOKENS, REMEMBERED, USES_APART, ApiTokenRecord
from storage.records.change import Change, project_change
from storage.records.engine import Database
from storage.records.tables import api_tokens, projects

_MS = timedelta(milliseconds=1)


class SqlApiTokenRecords:
    """The API tokens of the projects pinned here."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, token: ApiTokenRecord) -> None:
        """As ApiTokenRecords says. Changes of one project follow each other, so the count stays true."""
        async with project_change(self._database, token.project_id) as change:
            connection, now_ms = change.connection, token.created_at_ms
            await _require_active(connection, token.project_id)
            await _forget(connection, token.project_id, now_ms)
            if await _count_good(connection, token.project_id, now_ms) >= MOST_TOKENS:
                raise Conflict(
                    ErrorReason.ERROR_REASON_TOO_MANY,
                    detail=f"a project has {MOST_TOKENS} API tokens at most, revoke one first",
                )
            await connection.execute(insert(api_tokens).values(_values(token)))
            after = {
                "name": token.name,
                "role": project_role_name(token.role),
                "expires_at": token.expires_at_ms,
            }
            change.note("api_token.created", "api_token", token.token_id, after=after)

    async def revoke(self, project_id: str, token_id: str, now_ms: int) -> None:
        """As ApiTokenRecords says."""
        async with project_change(self._database, project_id) as change:
            known = await _of_project(change.connection, project_id)
            found = [token for token in known if token.token_id == token_id]
            if not found:
                raise NotFound(ErrorReason.ERROR_REASON_API_TOKEN_NOT_FOUND)
            if not await _revoke(change, found, now_ms):
                change.nothing()

    async def of_project(self, project_id: str) -> list[ApiTokenRecord]:
        """As ApiTokenRecords says."""
        async with self._database.read() as connection:
            return await _of_project(connection, project_id)

    async def good(self, now_ms: int) -> list[ApiTokenRecord]:
        """As ApiTokenRecords says."""
        query = select(api_tokens).where(*_good(now_ms))
        async with self._database.read() as connection:
            return [_record(row) for row in await connection.execute(query)]

    async def note_use(self, project_id: str, token_id: str, at_ms: int) -> None:
        """As ApiTokenRecords says. No change of the project: the use itself is what its log tells of."""
        last = api_tokens.c.last_used_at
        this = (api_tokens.c.project_id == project_id, api_tokens.c.token_id == token_id)
        due = or_(last.is_(None), last <= at_ms - USES_APART // _MS)
        async with self._database.write() as connection:
            await connection.execute(update(api_tokens).where(*this, due).values(last_used_at=at_ms))


async def revoke_all(change: Change, project_id: str, now_ms: int) -> None:
    """Revokes every token of a project that ends, in the transaction that ends it."""
    await _revoke(change, await _of_project(change.connection, project_id), now_ms)


async def _revoke(change: Change, tokens: list[ApiTokenRecord], now_ms: int) -> int:
    """How many were revoked now: the others had been."""
    due = [token.token_id for token in tokens if token.revoked_at_ms is None]
    for token_id in due:
        this = update(api_tokens).where(api_tokens.c.token_id == token_id)
        await change.connection.execute(this.values(revoked_at=now_ms))
        change.note("api_token.revoked", "api_token", token_id)
    return len(due)


async def _require_active(connection: AsyncConnection, project_id: str) -> None:
    state = await connection.scalar(select(projects.c.state).where(projects.c.project_id == project_id))
    if state is None:
        raise NotFound(ErrorReason.ERROR_REASON_PROJECT_NOT_FOUND)
    if state == "archived":
        raise Conflict(ErrorReason.ERROR_REASON_PROJECT_ARCHIVED)


async def _forget(connection: AsyncConnection, project_id: str, now_ms: int) -> None:
    """Removes those that ended long ago, and of the others those that are too many."""
    of_project, before_ms = api_tokens.c.project_id == project_id, now_ms - REMEMBERED // _MS
    long_ago = or_(api_tokens.c.revoked_at < before_ms, api_tokens.c.expires_at < before_ms)
    ended = or_(api_tokens.c.revoked_at.is_not(None), api_tokens.c.expires_at <= now_ms)
    last_ended = func.coalesce(api_tokens.c.revoked_at, api_tokens.c.expires_at).desc()
    listed = (
        select(api_tokens.c.token_id).where(of_project, ended).order_by(last_ended, api_tokens.c.token_id)
    )
    over = or_(long_ago, api_tokens.c.token_id.in_(listed.offset(MOST_ENDED)))
    await connection.execute(delete(api_tokens).where(of_project, over))


async def _count_good(connection: AsyncConnection, project_id: str, now_ms: int) -> int:
    query = select(func.count()).where(api_tokens.c.project_id == project_id, *_good(now_ms))
    return int(await connection.scalar(query) or 0)


def _good(now_ms: int) -> tuple[Any, ...]:
    return api_tokens.c.revoked_at.is_(None), api_tokens.c.expires_at > now_ms


async def _of_project(connection: AsyncConnection, project_id: str) -> list[ApiTokenRecord]:
    newest = (api_tokens.c.created_at.desc(), api_tokens.c.token_id)
    query = select(api_tokens).where(api_tokens.c.project_id == project_id).order_by(*newest)
    return [_record(row) for row in await connection.execute(query)]


def _record(row: Row[Any]) -> ApiTokenRecord:
    return ApiTokenRecord(
        row.token_id,
        row.project_id,
        row.name,
        row.role,
        row.token_hash,
        row.created_by,
        row.created_at,
        row.expires_at,
        row.last_used_at,
        row.revoked_at,
    )


def _values(token: ApiTokenRecord) -> dict[str, object]:
    return {name.removesuffix("_ms"): value for name, value in asdict(token).items()}

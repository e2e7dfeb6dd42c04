"""SessionRecords in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, delete, insert, or_, select, update
from sqlalchemy import Row as Found
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh.errors import CrossingRefused
from sankofa.registry.v1.registry_pb2 import Row, SessionEnd
from sankofa.residency.v1.error_pb2 import ErrorReason
from storage.records.engine import Database
from storage.records.outbox import enqueue
from storage.records.sessions import Carried, SessionRecord
from storage.records.tables import (
    account_departures,
    accounts,
    fences,
    members,
    moved_sessions,
    outbox,
    second_factors,
    sessions,
)
from storage.registry.rules import key_of

_GOING_ON = sessions.c.forget_after.is_(None)
_ACCOUNT = -1
"""The generation of what says that an account's single sign-ons have ended: it is nobody's session."""
_NAMES_AT_ONCE = 1_000
"""A statement takes 32,767 parameters at most, in PostgreSQL's protocol."""


class SqlSessionRecords:
    """The sessions of this region's accounts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, session: SessionRecord) -> bool:
        """As SessionRecords says."""
        async with self._database.write() as connection:
            if not await _may_begin(connection, session):
                return False
            await self._forget(connection, session.created_at_ms)
            await connection.execute(insert(sessions).values(_values(session)))
        return True

    async def find(self, session_id: str) -> SessionRecord | None:
        """As SessionRecords says."""
        query = select(sessions).where(sessions.c.session_id == session_id, _GOING_ON)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else _session(row)

    async def moved_to(self, session_id: str) -> str | None:
        """As SessionRecords says."""
        query = select(moved_sessions.c.to_region).where(moved_sessions.c.session_id == session_id)
        async with self._database.read() as connection:
            region: str | None = await connection.scalar(query)
        return region

    async def at_home(self, user_id: str) -> bool:
        """As SessionRecords says."""
        query = select(accounts.c.user_id).where(accounts.c.user_id == user_id)
        async with self._database.read() as connection:
            return await connection.scalar(query) is not None

    async def advance(self, session: SessionRecord, number: int) -> bool:
        """As SessionRecords says."""
        this = (sessions.c.session_id == session.session_id, sessions.c.generation == number, _GOING_ON)
        async with self._database.write() as connection:
            done = await connection.execute(update(sessions).where(*this).values(_values(session)))
            return done.rowcount == 1

    async def of(self, user_id: str, now_ms: int, *, org_id: str = "") -> Sequence[SessionRecord]:
        """As SessionRecords says."""
        these = (_whose(user_id), sessions.c.expires_at > now_ms, _GOING_ON)
        query = select(sessions).where(*these)
        if org_id:
            query = query.where(sessions.c.org_id == org_id)
        ordered = query.order_by(sessions.c.last_used_at.desc(), sessions.c.session_id)
        async with self._database.read() as connection:
            return [_session(row) for row in await connection.execute(ordered)]

    async def end(self, session_ids: Sequence[str], now_ms: int, forget_after_ms: int) -> list[Row]:
        """As SessionRecords says."""
        async with self._database.write() as connection:
            await self._forget(connection, now_ms)
            these = sessions.c.session_id.in_(session_ids)
            return await end_sessions(connection, self._database.region, these, forget_after_ms)

    async def end_all(self, user_id: str, now_ms: int, forget_after_ms: int) -> list[Row]:
        """As SessionRecords says."""
        async with self._database.write() as connection:
            await _require_here(connection, user_id)
            await self._forget(connection, now_ms)
            rows = await end_sessions(connection, self._database.region, _whose(user_id), forget_after_ms)
            return rows + await self._end_elsewhere(connection, user_id, now_ms, forget_after_ms)

    async def change_password(
        self, user_id: str, password_hash: str, *, keep: str, now_ms: int, forget_after_ms: int
    ) -> list[Row]:
        """As SessionRecords says."""
        others = _whose(user_id) & (sessions.c.session_id != keep)
        async with self._database.write() as connection:
            await _require_here(connection, user_id)
            this = update(accounts).where(accounts.c.user_id == user_id)
            await connection.execute(this.values(password_hash=password_hash))
            # Whoever tried codes knew the old one.
            factor = update(second_factors).where(second_factors.c.user_id == user_id)
            await connection.execute(factor.values(wrong_codes=0))
            await self._forget(connection, now_ms)
            rows = await end_sessions(connection, self._database.region, others, forget_after_ms)
            return rows + await self._end_elsewhere(connection, user_id, now_ms, forget_after_ms)

    async def ends(self, now_ms: int) -> list[Row]:
        """As SessionRecords says."""
        async with self._database.read() as connection:
            found = await connection.execute(select(sessions).where(sessions.c.forget_after >= now_ms))
            return [
                self._row(
                    row.session_id, row.forget_after, row.created_at if row.generation == _ACCOUNT else 0
                )
                for row in found
            ]

    async def _end_elsewhere(
        self, connection: AsyncConnection, user_id: str, now_ms: int, forget_after_ms: int
    ) -> list[Row]:
        """Kept as a session that has ended, under the account's own id: `created_at` is when."""
        ended = SessionRecord(user_id, "", _ACCOUNT, now_ms, now_ms, now_ms, "", "")
        await connection.execute(delete(sessions).where(sessions.c.session_id == user_id))
        await connection.execute(insert(sessions).values(_values(ended) | {"forget_after": forget_after_ms}))
        row = self._row(user_id, forget_after_ms, now_ms)
        await enqueue(connection, [row])
        return [row]

    async def _forget(self, connection: AsyncConnection, now_ms: int) -> None:
        """Removes what has expired, and ended sessions of which no token can be valid any more."""
        await connection.execute(delete(moved_sessions).where(moved_sessions.c.expires_at < now_ms))
        leaving = sessions.c.user_id.in_(select(fences.c.subject))
        expired = _GOING_ON & (sessions.c.expires_at < now_ms) & ~leaving
        over = or_(sessions.c.forget_after < now_ms, expired)
        gone = await connection.scalars(delete(sessions).where(over).returning(sessions.c.session_id))
        names = [msgspec.msgpack.encode(key_of(self._row(session_id, now_ms))) for session_id in gone]
        for at in range(0, len(names), _NAMES_AT_ONCE):
            some = names[at : at + _NAMES_AT_ONCE]
            await connection.execute(delete(outbox).where(outbox.c.name.in_(some)))

    def _row(self, session_id: str, forget_after_ms: int, before_ms: int = 0) -> Row:
        return _end_row(self._database.region, session_id, forget_after_ms, before_ms)


async def end_sessions(
    connection: AsyncConnection, region: str, these: ColumnElement[bool], forget_after_ms: int
) -> list[Row]:
    """Ends those of `these` that are going on, and enqueues the rows that say so. Whoever gets them tells."""
    # What is kept of an ended session is its id, wherever its account goes: no person, address, agent.
    ended = update(sessions).where(these, _GOING_ON).returning(sessions.c.session_id)
    nobody = {
        "user_id": "",
        "member_id": "",
        "address": "",
        "user_agent": "",
        "carried_key": None,
        "carried_number": None,
    }
    values = {"forget_after": forget_after_ms} | nobody
    found = await connection.scalars(ended.values(values))
    rows = [_end_row(region, session_id, forget_after_ms) for session_id in found]
    await enqueue(connection, rows)
    return rows


def _end_row(region: str, session_id: str, forget_after_ms: int, before_ms: int = 0) -> Row:
    end = SessionEnd(session_id=session_id, forget_after_unix_ms=forget_after_ms, before_unix_ms=before_ms)
    return Row(region=region, session_end=end)


def _whose(user_id: str) -> ColumnElement[bool]:
    return or_(sessions.c.user_id == user_id, sessions.c.member_id == user_id)


async def _may_begin(connection: AsyncConnection, session: SessionRecord) -> bool:
    """Whether there is whom it would be of; they stay until the transaction ends."""
    if not session.org_id:
        return await _is_here(connection, session.user_id)
    member = select(members.c.user_id).where(
        members.c.org_id == session.org_id, members.c.user_id == session.user_id
    )
    return await connection.scalar(member.with_for_update(read=True, key_share=True)) is not None


async def _is_here(connection: AsyncConnection, user_id: str) -> bool:
    """Whether this is an account's home, and is going to be."""
    here = select(accounts.c.user_id).where(accounts.c.user_id == user_id)
    gone = select(account_departures.c.account_id)
    leaving = await connection.scalar(gone.where(account_departures.c.account_id == user_id))
    return await connection.scalar(here.with_for_update(key_share=True)) is not None and leaving is None


async def _require_here(connection: AsyncConnection, user_id: str) -> None:
    """It stays until the transaction ends. Raises CrossingRefused(ACCOUNT_MOVED)."""
    if not await _is_here(connection, user_id):
        raise CrossingRefused(ErrorReason.ERROR_REASON_ACCOUNT_MOVED)


def _session(row: Found[Any]) -> SessionRecord:
    return SessionRecord(
        row.session_id,
        row.user_id or row.member_id,
        row.generation,
        row.created_at,
        row.last_used_at,
        row.expires_at,
        row.address,
        row.user_agent,
        None if row.carried_key is None else Carried(row.carried_key, row.carried_number),
        row.org_id,
    )


def _values(session: SessionRecord) -> dict[str, object]:
    """But for what was carried, which is written once."""
    values = {name.removesuffix("_ms"): value for name, value in asdict(session).items()}
    del values["carried"]
    of_account = not session.org_id
    return values | {
        "user_id": session.user_id if of_account else "",
        "member_id": "" if of_account else session.user_id,
    }

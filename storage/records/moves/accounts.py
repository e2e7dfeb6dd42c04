"""Accounts that go with an organisation: those whose only membership it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import msgspec
from sqlalchemy import ColumnElement, delete, exists, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh.errors import Conflict
from sankofa.registry.v1.registry_pb2 import Handover, Row
from storage.records.engine import Database
from storage.records.moves import fences
from storage.records.moves.erasing import leave_nothing
from storage.records.moves.fences import ACCOUNT
from storage.records.moves.rows import bodies, encode, erase, store
from storage.records.outbox import enqueue, forget_hint
from storage.records.rows import hint_row, words_of
from storage.records.sql_access import refresh
from storage.records.tables import (
    account_departures,
    account_handovers,
    account_orgs,
    accounts,
    departures,
    members,
    moved_sessions,
    sessions,
)


@dataclass(frozen=True, slots=True)
class Leaving:
    """An account that leaves. `epoch` is the one that begins with it."""

    user_id: str
    email: str
    epoch: int


@dataclass(frozen=True, slots=True)
class HeldBack:
    """An account that does not go with an organisation, since its owner may be a member of others."""

    user_id: str
    email: str
    org_ids: Sequence[str]


class Accounts:
    """Both halves: what leaves, and what has come. Every method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def going_with(self, org_id: str) -> list[Leaving]:
        """The accounts at home here whose owners are members of this organisation and of no other.

        Whoever is a member elsewhere as well keeps their home, which those organisations know; but not one
        that has been given away already.
        """
        given = select(account_departures.c.account_id)
        goes = or_(~_elsewhere(org_id), accounts.c.user_id.in_(given))
        query = select(accounts.c.user_id, accounts.c.email).where(_of(org_id), goes)
        async with self._database.read() as connection:
            found = (await connection.execute(query.order_by(accounts.c.user_id))).all()
            return [
                Leaving(row.user_id, row.email, 2 + await _moves(connection, row.user_id)) for row in found
            ]

    async def held_back(self, org_id: str) -> list[HeldBack]:
        """The accounts at home here of members of an organisation that point at others."""
        pointed = select(account_orgs.c.user_id, account_orgs.c.org_id, accounts.c.email)
        given = select(account_departures.c.account_id)
        going_on = accounts.c.user_id.not_in(given), account_orgs.c.org_id != org_id
        query = pointed.join(accounts).where(_of(org_id), *going_on)
        found: dict[tuple[str, str], list[str]] = {}
        async with self._database.read() as connection:
            for row in await connection.execute(query):
                found.setdefault((row.user_id, row.email), []).append(row.org_id)
        return [HeldBack(user_id, email, org_ids) for (user_id, email), org_ids in found.items()]

    async def point_no_more(self, user_ids: Iterable[str], org_id: str) -> None:
        """Their owners have nothing to do with an organisation."""
        these = account_orgs.c.org_id == org_id, account_orgs.c.user_id.in_(list(user_ids))
        async with self._database.write() as connection:
            await connection.execute(delete(account_orgs).where(*these))

    async def hand_over(
        self,
        leaving: Leaving,
        org_id: str,
        operation_id: str,
        hint: str,
        word: Handover,
        session_key: Callable[[str], bytes],
    ) -> Handover | None:
        """Gives the account away: there is no way back. A repeat answers the word that was given first.

        `session_key`: with what this region makes the tokens of a session, by its id. None where its owner
        has got something to do with another organisation in the meantime: it stays.
        """
        async with self._database.write() as connection:
            this = account_departures.c.account_id == leaving.user_id
            given = await connection.scalar(select(account_departures.c.word).where(this))
            if given is not None:
                return Handover.FromString(given)
            mine = select(accounts.c.user_id).where(accounts.c.user_id == leaving.user_id)
            if await connection.scalar(mine.where(_elsewhere(org_id))) is not None:
                return None
            await fences.fence(connection, ACCOUNT, leaving.user_id, word.to_region, hint)
            await fences.let_erase(connection, leaving.user_id, erasing=True)
            await _pack_sessions(connection, leaving.user_id, word.to_region, session_key)
            await fences.let_erase(connection, leaving.user_id, erasing=False)
            await fences.mark_moved(connection, leaving.user_id)
            await forget_hint(connection, hint)
            raw = word.SerializeToString(deterministic=True)
            values = {"account_id": leaving.user_id, "operation_id": operation_id, "word": raw}
            await connection.execute(insert(account_departures).values(values))
        return word

    async def rows(self, user_id: str) -> bytes:
        """Everything of an account, in one message."""
        async with self._database.read() as connection:
            every = [encode(body) async for body in bodies(connection, ACCOUNT, user_id)]
        return msgspec.msgpack.encode(every)

    async def erase(self, user_id: str, operation_id: str) -> None:
        """Erases it here, once it is there, and counts it."""
        async with self._database.write() as connection:
            await fences.let_erase(connection, user_id, erasing=True)
            await erase(connection, ACCOUNT, user_id)
            await fences.let_erase(connection, user_id, erasing=False)
            gone = account_departures.c.account_id == user_id
            await connection.execute(delete(account_departures).where(gone))
            counted = update(departures).where(departures.c.operation_id == operation_id)
            await connection.execute(counted.values(accounts=departures.c.accounts + 1))

    async def leave_nothing(self) -> None:
        """What was erased leaves the files too."""
        await leave_nothing(self._database, ACCOUNT)

    async def take(self, user_id: str, word: Handover, raw: bytes, hint_of: Callable[[str], str]) -> Row:
        """The account is here: its rows, its home in its memberships, its hint. A repeat changes nothing.

        Raises Conflict for a person whose home another region was, and for an e-mail that is not the hint's:
        a region gives away its own people only.
        """
        region = self._database.region
        async with self._database.write() as connection:
            here = await connection.scalar(select(accounts.c.user_id).where(accounts.c.user_id == user_id))
            if here is None:
                await fences.unfence(connection, user_id)
                await store(connection, ACCOUNT, user_id, msgspec.msgpack.decode(raw, type=list[bytes]))
                await _require_theirs(connection, user_id, word, hint_of)
                came = select(sessions.c.session_id).where(sessions.c.user_id == user_id)
                await connection.execute(delete(moved_sessions).where(moved_sessions.c.session_id.in_(came)))
                kept = {"epoch": word.epoch, "word": word.SerializeToString(deterministic=True)}
                await connection.execute(insert(account_handovers).values(user_id=user_id, **kept))
                mine = members.c.user_id == user_id
                left = members.c.home_region == word.from_region
                await connection.execute(update(members).where(mine, left).values(home_region=region))
                orgs = await connection.scalars(select(members.c.org_id).where(mine))
                for org_id in orgs.all():
                    await refresh(connection, org_id)
            words = await words_of(connection, account_handovers, account_handovers.c.user_id == user_id)
            row = hint_row(region, word.login_hint, words)
            await enqueue(connection, [row])
        return row


def _of(org_id: str) -> ColumnElement[bool]:
    """Accounts of an organisation's members."""
    return accounts.c.user_id.in_(select(members.c.user_id).where(members.c.org_id == org_id))


def _elsewhere(org_id: str) -> ColumnElement[bool]:
    """Accounts whose owners are members of another organisation here, or may be of one anywhere."""
    others = members.alias()
    return or_(
        exists().where(others.c.user_id == accounts.c.user_id, others.c.org_id != org_id),
        exists().where(account_orgs.c.user_id == accounts.c.user_id, account_orgs.c.org_id != org_id),
    )


async def _pack_sessions(
    connection: AsyncConnection, user_id: str, to_region: str, key_of: Callable[[str], bytes]
) -> None:
    """Each has with it what its holder's token was made with; who shows that here is told where it is."""
    found = await connection.execute(select(sessions).where(sessions.c.user_id == user_id))
    for row in found.all():
        this = sessions.c.session_id == row.session_id
        if row.carried_key is None or row.generation > row.carried_number:
            values = {"carried_key": key_of(row.session_id), "carried_number": row.generation}
            await connection.execute(update(sessions).where(this).values(values))
        await connection.execute(delete(moved_sessions).where(moved_sessions.c.session_id == row.session_id))
        went = {"session_id": row.session_id, "to_region": to_region, "expires_at": row.expires_at}
        await connection.execute(insert(moved_sessions).values(went))


async def _require_theirs(
    connection: AsyncConnection, user_id: str, word: Handover, hint_of: Callable[[str], str]
) -> None:
    email = await connection.scalar(select(accounts.c.email).where(accounts.c.user_id == user_id))
    homes = select(members.c.home_region).where(members.c.user_id == user_id).distinct()
    # Empty: a member by single sign-on only, as is everybody whom a directory brought back. It stays so.
    elsewhere = set(await connection.scalars(homes)) - {word.from_region, ""}
    if email is None or hint_of(email) != word.login_hint or elsewhere:
        raise Conflict(detail="it was not that region's account")


async def _moves(connection: AsyncConnection, user_id: str) -> int:
    mine = account_handovers.c.user_id == user_id
    return len(await words_of(connection, account_handovers, mine))

"""The old region's half of a reassignment: what is asked for, what leaves, what is left."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from sqlalchemy import Row, bindparam, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh.context import Actor
from mesh.errors import Conflict
from sankofa.org.v1.transfer_pb2 import AssignmentStep
from sankofa.residency.v1.error_pb2 import ErrorReason
from storage.records.change import noting
from storage.records.engine import Database
from storage.records.moves import fences
from storage.records.moves.asked import REQUESTED, requested_by
from storage.records.moves.erasing import leave_nothing
from storage.records.moves.fences import ORG
from storage.records.moves.rows import Body, TableDigest, bodies, digests, erase, left
from storage.records.outbox import forget_org
from storage.records.tables import audit_mirrors, departures

ABANDONED: Final = AssignmentStep.ASSIGNMENT_STEP_ABANDONED
_LATEST: Final = (
    select(departures)
    .where(departures.c.org_id == bindparam("of_org"))
    .order_by(departures.c.begun_at.desc(), departures.c.operation_id)
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class Departure:
    """A reassignment away from here. `epoch` is the one that begins with it; times are unix milliseconds."""

    operation_id: str
    org_id: str
    to_region: str
    epoch: int
    step: AssignmentStep
    asked_by: str
    digest_key: bytes
    begun_at_ms: int
    fenced_at_ms: int = 0
    switched_at_ms: int = 0
    finished_at_ms: int = 0
    rows: int = 0
    accounts: int = 0
    tables: Sequence[TableDigest] = ()
    word: bytes = b""
    reason: str = ""

    @property
    def ended(self) -> bool:
        """Whether nothing is left to do."""
        return self.finished_at_ms > 0

    @property
    def handed_over(self) -> bool:
        """Whether there is no way back."""
        return bool(self.word)

    @property
    def write_pause_ms(self) -> int:
        """For how long the organisation could not be changed; 0: not known yet."""
        return self.switched_at_ms - self.fenced_at_ms if self.switched_at_ms else 0


class Departures:
    """Every method that changes something is one transaction, on disk when it returns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, departure: Departure, actor: Actor) -> Departure:
        """Writes it, or answers the one that is under way. Raises Conflict where that goes elsewhere."""
        async with self._database.write() as connection:
            found = await _latest(connection, departure.org_id)
            if found is not None and not found.ended:
                if found.to_region != departure.to_region:
                    raise Conflict(ErrorReason.ERROR_REASON_OPERATION_IN_FLIGHT)
                return found
            await connection.execute(insert(departures).values(_values(departure)))
            async with noting(connection, departure.org_id, actor) as change:
                regions = {"region": self._database.region}, {"region": departure.to_region}
                change.note(REQUESTED, "org", departure.org_id, before=regions[0], after=regions[1])
        return departure

    async def latest(self, org_id: str) -> Departure | None:
        """The last one of an organisation."""
        async with self._database.read() as connection:
            return await _latest(connection, org_id)

    async def unfinished(self) -> list[Departure]:
        """Every one that has not ended, oldest first."""
        query = select(departures).where(departures.c.finished_at == 0).order_by(departures.c.begun_at)
        async with self._database.read() as connection:
            return [_departure(row) for row in await connection.execute(query)]

    async def every(self) -> list[Departure]:
        """All there ever were, oldest first."""
        query = select(departures).order_by(departures.c.begun_at, departures.c.operation_id)
        async with self._database.read() as connection:
            return [_departure(row) for row in await connection.execute(query)]

    async def reach(self, operation_id: str, step: AssignmentStep, **values: object) -> None:
        """Says how far it is."""
        async with self._database.write() as connection:
            await _set(connection, operation_id, step=step, **values)

    async def find(self, operation_id: str) -> Departure:
        """One, as it is now."""
        query = select(departures).where(departures.c.operation_id == operation_id)
        async with self._database.read() as connection:
            return _departure((await connection.execute(query)).one())

    async def digests(self, departure: Departure) -> list[TableDigest]:
        """Of everything of the organisation, as it is here."""
        async with self._database.read() as connection:
            return await digests(connection, ORG, departure.org_id, departure.digest_key)

    async def explain(self, operation_id: str, reason: str) -> None:
        """Says why it waits."""
        async with self._database.write() as connection:
            await _set(connection, operation_id, reason=reason)

    async def end(self, operation_id: str, now_ms: int) -> None:
        """Nothing is left to do."""
        this = departures.c.operation_id == operation_id
        async with self._database.write() as connection:
            await connection.execute(update(departures).where(this).values(finished_at=now_ms))

    async def fence(self, departure: Departure, now_ms: int) -> None:
        """From here on the organisation can be read, and not changed."""
        async with self._database.write() as connection:
            await fences.fence(connection, ORG, departure.org_id, departure.to_region)
            step = AssignmentStep.ASSIGNMENT_STEP_FENCED
            await _set(connection, departure.operation_id, step=step, fenced_at=now_ms)

    @asynccontextmanager
    async def bodies(self, org_id: str) -> AsyncIterator[AsyncIterator[Body]]:
        """Everything of an organisation."""
        async with self._database.read() as connection:
            yield bodies(connection, ORG, org_id)

    async def hand_over(self, departure: Departure, word: bytes, tables: Sequence[TableDigest]) -> None:
        """Gives the organisation away, if it is what both ends have compared: there is no way back.

        Raises Conflict where it is not, which the fence should have made impossible.
        """
        async with self._database.write() as connection:
            now = await digests(connection, ORG, departure.org_id, departure.digest_key)
            if list(tables) != now:
                raise Conflict
            await fences.mark_moved(connection, departure.org_id)
            await forget_org(connection, departure.org_id)
            step = AssignmentStep.ASSIGNMENT_STEP_HANDED_OVER
            kept = msgspec.to_builtins([(each.table, each.rows, each.digest.hex()) for each in tables])
            await _set(connection, departure.operation_id, step=step, word=word, tables=kept)

    async def abandon(self, departure: Departure, reason: str) -> None:
        """Everything is as it was here; it ends when the others know. Raises Conflict after the handover."""
        this = departures.c.operation_id == departure.operation_id
        async with self._database.write() as connection:
            word = await connection.scalar(select(departures.c.word).where(this).with_for_update())
            if word:
                raise Conflict
            await fences.unfence(connection, departure.org_id)
            await _set(connection, departure.operation_id, step=ABANDONED, reason=reason)
            actor = await requested_by(connection, departure.org_id)
            async with noting(connection, departure.org_id, actor) as change:
                why = {"region": self._database.region, "reason": reason}
                change.note("org.primary_region.assign_abandoned", "org", departure.org_id, after=why)

    async def erase(self, departure: Departure) -> list[TableDigest]:
        """Erases the organisation here, down to the file; how many rows are left in each table: none."""
        async with self._database.write() as connection:
            await fences.let_erase(connection, departure.org_id, erasing=True)
            await erase(connection, ORG, departure.org_id)
            await fences.let_erase(connection, departure.org_id, erasing=False)
        await leave_nothing(self._database, ORG)
        return await self.left(departure)

    async def left(self, departure: Departure) -> list[TableDigest]:
        """How many rows of the organisation each table holds here."""
        async with self._database.read() as connection:
            return await left(connection, ORG, departure.org_id)

    async def mirrored(self, org_id: str) -> bool:
        """Whether the region's mirror of audit logs may still hold rows of the organisation."""
        query = select(audit_mirrors.c.scope).where(audit_mirrors.c.scope == org_id)
        async with self._database.read() as connection:
            return await connection.scalar(query) is not None


async def _latest(connection: AsyncConnection, org_id: str) -> Departure | None:
    row = (await connection.execute(_LATEST, {"of_org": org_id})).one_or_none()
    return None if row is None else _departure(row)


async def _set(connection: AsyncConnection, operation_id: str, **values: object) -> None:
    this = departures.c.operation_id == operation_id
    await connection.execute(update(departures).where(this).values(**{"reason": ""} | values))


def _departure(row: Row[Any]) -> Departure:
    return Departure(
        row.operation_id,
        row.org_id,
        row.to_region,
        row.epoch,
        row.step,
        row.asked_by,
        row.digest_key,
        row.begun_at,
        row.fenced_at,
        row.switched_at,
        row.finished_at,
        row.rows,
        row.accounts,
        tuple(TableDigest(name, count, bytes.fromhex(digest)) for name, count, digest in row.tables),
        row.word,
        row.reason,
    )


def _values(departure: Departure) -> dict[str, object]:
    return {
        "operation_id": departure.operation_id,
        "org_id": departure.org_id,
        "to_region": departure.to_region,
        "epoch": departure.epoch,
        "step": departure.step,
        "asked_by": departure.asked_by,
        "digest_key": departure.digest_key,
        "begun_at": departure.begun_at_ms,
        "tables": [],
        "word": b"",
    }

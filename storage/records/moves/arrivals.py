"""The new region's half of a reassignment: what has come, what counts, from when on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row, bindparam, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh.errors import Conflict
from sankofa.org.v1.transfer_pb2 import AssignmentStep
from sankofa.registry.v1.registry_pb2 import Handover
from sankofa.registry.v1.registry_pb2 import Row as RegistryRow
from sankofa.residency.v1.error_pb2 import ErrorReason
from storage.records.change import noting
from storage.records.engine import Database
from storage.records.moves import fences
from storage.records.moves.asked import requested_by
from storage.records.moves.erasing import leave_nothing
from storage.records.moves.fences import ORG
from storage.records.moves.rows import Digests, Family, TableDigest, decode, decode_body, digests, store
from storage.records.outbox import enqueue
from storage.records.rows import moved_org_row
from storage.records.sql_access import next_seq
from storage.records.sql_retention import renumber
from storage.records.tables import access_rows, arrivals, arriving_rows, org_handovers, orgs

COPYING: Final = AssignmentStep.ASSIGNMENT_STEP_FENCED
TAKEN: Final = AssignmentStep.ASSIGNMENT_STEP_SWITCHED
DONE: Final = AssignmentStep.ASSIGNMENT_STEP_DONE
_LATEST: Final = (
    select(arrivals)
    .where(arrivals.c.org_id == bindparam("of_org"))
    .order_by(arrivals.c.begun_at.desc())
    .limit(1)
)
_STAGED: Final = Family("operation_id", (arriving_rows,))


@dataclass(frozen=True, slots=True)
class Arrival:
    """A reassignment to here. `cursor` is the last message that is on disk."""

    operation_id: str
    org_id: str
    from_region: str
    epoch: int
    step: AssignmentStep
    begun_at_ms: int
    cursor: int = 0
    finished_at_ms: int = 0
    write_pause_ms: int = 0
    rows: int = 0
    accounts: int = 0

    @property
    def taken(self) -> bool:
        """Whether the organisation is here."""
        return self.step in (TAKEN, DONE)


class Arrivals:
    """Every method that changes something is one transaction, on disk when it returns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, arrival: Arrival) -> Arrival:
        """Begins a copy: what came before is forgotten, unless it counts already."""
        async with self._database.write() as connection:
            found = await _find(connection, arrival.operation_id)
            if found is not None and found.taken:
                return found
            await _forget(connection, arrival.operation_id)
            await connection.execute(insert(arrivals).values(_values(arrival)))
        return arrival

    async def put(
        self, operation_id: str, cursor: int, nonce: bytes, body: bytes, family: Family = ORG
    ) -> None:
        """Takes the next rows. Raises Conflict (TRANSFER_REPLAYED) for any other, InvalidInput."""
        _, rows = decode(body, family)
        async with self._database.write() as connection:
            arrival = await _find(connection, operation_id, lock=True)
            same = select(arriving_rows.c.cursor).where(arriving_rows.c.nonce == nonce)
            used = await connection.scalar(same)
            if arrival is None or arrival.taken or cursor != arrival.cursor + 1 or used is not None:
                raise Conflict(ErrorReason.ERROR_REASON_TRANSFER_REPLAYED)
            values = {"operation_id": operation_id, "cursor": cursor, "nonce": nonce, "body": body}
            await connection.execute(insert(arriving_rows).values(values))
            await _set(connection, operation_id, cursor=cursor, rows=arrival.rows + len(rows))

    async def digests(self, operation_id: str, key: bytes) -> list[TableDigest]:
        """Of what has come."""
        collected = Digests(key, ORG.tables)
        async with self._database.read() as connection:
            for body in await _bodies(connection, operation_id):
                collected.add(decode_body(body))
        return collected.tables()

    async def take(
        self, operation_id: str, word: Handover, tables: Sequence[TableDigest], key: bytes
    ) -> RegistryRow:
        """The organisation is here, all at once, if it is what was handed over. What the registry is told.

        A repeat changes nothing. Raises Conflict where it is not. What has numbers of this region's own, as
        the access feed, gets new ones.
        """
        async with self._database.write() as connection:
            arrival = await _find(connection, operation_id, lock=True)
            if arrival is None:
                raise Conflict
            if not arrival.taken:
                await self._settle(connection, arrival, word, tables, key)
            row = await moved_org_row(connection, self._database.region, arrival.org_id)
            await enqueue(connection, [row])
        return row

    async def _settle(
        self,
        connection: AsyncConnection,
        arrival: Arrival,
        word: Handover,
        tables: Sequence[TableDigest],
        key: bytes,
    ) -> None:
        await fences.unfence(connection, arrival.org_id)
        await store(connection, ORG, arrival.org_id, await _bodies(connection, arrival.operation_id))
        if await digests(connection, ORG, arrival.org_id, key) != list(tables):
            raise Conflict
        await _renumber(connection, arrival, word)
        async with noting(
            connection, arrival.org_id, await requested_by(connection, arrival.org_id)
        ) as change:
            before = {"region": arrival.from_region, "epoch": arrival.epoch - 1}
            after = {"region": self._database.region, "epoch": arrival.epoch}
            change.note("org.primary_region.assigned", "org", arrival.org_id, before=before, after=after)
        await connection.execute(delete(arriving_rows).where(_staged(arrival.operation_id)))
        await _set(connection, arrival.operation_id, step=TAKEN)

    async def finish(self, operation_id: str, *, now_ms: int, write_pause_ms: int, accounts: int) -> None:
        """All is done at the other end too."""
        values = {"step": DONE, "write_pause_ms": write_pause_ms, "accounts": accounts}
        async with self._database.write() as connection:
            arrival = await _find(connection, operation_id, lock=True)
            if arrival is None or not arrival.taken:
                raise Conflict
            if arrival.step == DONE:
                return
            await _set(connection, operation_id, **values, finished_at=now_ms)
            actor = await requested_by(connection, arrival.org_id)
            async with noting(connection, arrival.org_id, actor) as change:
                counts = {
                    "rows_left": 0,
                    "files_left": 0,
                    "accounts": accounts,
                    "write_pause_ms": write_pause_ms,
                }
                after = {"region": arrival.from_region} | counts
                change.note("org.primary_region.erased", "org", arrival.org_id, after=after)

    async def abandon(self, operation_id: str) -> None:
        """Forgets what has come. Raises Conflict where it counts already."""
        async with self._database.write() as connection:
            arrival = await _find(connection, operation_id, lock=True)
            if arrival is not None and arrival.taken:
                raise Conflict
            await _forget(connection, operation_id)
        await leave_nothing(self._database, _STAGED)

    async def find(self, operation_id: str) -> Arrival | None:
        """One by its operation."""
        async with self._database.read() as connection:
            return await _find(connection, operation_id)

    async def every(self) -> list[Arrival]:
        """All that there are, oldest first: one that was given up is forgotten."""
        query = select(arrivals).order_by(arrivals.c.begun_at, arrivals.c.operation_id)
        async with self._database.read() as connection:
            return [_arrival(row) for row in await connection.execute(query)]

    async def latest(self, org_id: str) -> Arrival | None:
        """The last one of an organisation."""
        async with self._database.read() as connection:
            row = (await connection.execute(_LATEST, {"of_org": org_id})).one_or_none()
        return None if row is None else _arrival(row)


async def _renumber(connection: AsyncConnection, arrival: Arrival, word: Handover) -> None:
    this = {"org_id": arrival.org_id}
    kept = {"epoch": arrival.epoch, "word": word.SerializeToString(deterministic=True)}
    await connection.execute(insert(org_handovers).values(this | kept))
    await connection.execute(update(orgs).where(orgs.c.org_id == arrival.org_id).values(epoch=arrival.epoch))
    numbered = update(access_rows).where(access_rows.c.org_id == arrival.org_id)
    await connection.execute(numbered.values(seq=await next_seq(connection)))
    await renumber(connection, arrival.org_id)


async def _find(connection: AsyncConnection, operation_id: str, *, lock: bool = False) -> Arrival | None:
    query = select(arrivals).where(arrivals.c.operation_id == operation_id)
    row = (await connection.execute(query.with_for_update() if lock else query)).one_or_none()
    return None if row is None else _arrival(row)


def _staged(operation_id: str) -> Any:
    return arriving_rows.c.operation_id == operation_id


async def _bodies(connection: AsyncConnection, operation_id: str) -> list[bytes]:
    query = select(arriving_rows.c.body).where(_staged(operation_id)).order_by(arriving_rows.c.cursor)
    return list(await connection.scalars(query))


async def _forget(connection: AsyncConnection, operation_id: str) -> None:
    await connection.execute(delete(arriving_rows).where(_staged(operation_id)))
    await connection.execute(delete(arrivals).where(arrivals.c.operation_id == operation_id))


async def _set(connection: AsyncConnection, operation_id: str, **values: object) -> None:
    await connection.execute(update(arrivals).where(arrivals.c.operation_id == operation_id).values(**values))


def _arrival(row: Row[Any]) -> Arrival:
    return Arrival(
        row.operation_id,
        row.org_id,
        row.from_region,
        row.epoch,
        row.step,
        row.begun_at,
        row.cursor,
        row.finished_at,
        row.write_pause_ms,
        row.rows,
        row.accounts,
    )


def _values(arrival: Arrival) -> dict[str, object]:
    return {
        "operation_id": arrival.operation_id,
        "org_id": arrival.org_id,
        "from_region": arrival.from_region,
        "epoch": arrival.epoch,
        "step": arrival.step,
        "begun_at": arrival.begun_at_ms,
    }

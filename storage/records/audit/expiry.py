"""Lets the oldest rows of the logs go when their time is over, so that what is left still proves.

The chain's head keeps the number and the hash of the last row that went, and a row (`audit.expired`) says so
in the chain itself: a beginning that was cut off without one is found.
"""

from __future__ import annotations

import json
from typing import Final, Protocol

from sqlalchemy import delete, func, select, update

from mesh.context import Actor
from mesh.plans import TERMS
from storage.records.audit.chain import AuditRow
from storage.records.audit.reading import LOGS, Log
from storage.records.change import org_change, project_change
from storage.records.engine import Database
from storage.records.tables import orgs, projects

EXPIRED: Final = "audit.expired"
ROWS_A_STEP: Final = 5000
_SYSTEM: Final = Actor("system/audit-retention")


def through(row: AuditRow) -> int:
    """The number of the last row that went, as an `audit.expired` says; -1 where it says nothing."""
    try:
        return int(json.loads(row.after)["through"])
    except (ValueError, TypeError, KeyError):
        return -1


class AuditExpiry(Protocol):
    """All methods raise Unavailable."""

    async def kept_days(self, log: Log) -> dict[str, int]:
        """How long the rows of each log are kept; of a project that was not told of yet, nothing."""

    async def expire(self, log: Log, scope: str, before_ms: int) -> int:
        """Lets the rows go that are older (unix milliseconds), up to the first that is not; how many went.

        None of a chain where rows are missing among them: that would do away with the proof of it.
        """


class SqlAuditExpiry:
    """AuditExpiry in SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def kept_days(self, log: Log) -> dict[str, int]:
        """As AuditExpiry says."""
        async with self._database.read() as connection:
            if log is Log.ORG:
                plans = await connection.execute(select(orgs.c.org_id, orgs.c.plan))
                return {row.org_id: TERMS[row.plan].audit_days for row in plans}
            told = select(projects.c.project_id, projects.c.audit_days).where(projects.c.audit_days != 0)
            return {row.project_id: row.audit_days for row in await connection.execute(told)}

    async def expire(self, log: Log, scope: str, before_ms: int) -> int:
        """As AuditExpiry says, some thousands in a transaction. What it writes itself stays."""
        heads = LOGS[log].heads
        async with self._database.read() as connection:
            end = select(heads.c.seq).where(heads.c[LOGS[log].scope] == scope)
            last = int(await connection.scalar(end) or 0)
        gone = 0
        while some := await self._step(log, scope, before_ms, last):
            gone += some
        return gone

    async def _step(self, log: Log, scope: str, before_ms: int, end: int) -> int:
        rows, heads = LOGS[log].rows, LOGS[log].heads
        theirs, head = rows.c[LOGS[log].scope] == scope, heads.c[LOGS[log].scope] == scope
        oldest = select(rows.c.at).where(theirs, rows.c.seq <= end).order_by(rows.c.seq).limit(1)
        async with self._database.read() as connection:
            at_ms = await connection.scalar(oldest)
        if at_ms is None or at_ms >= before_ms:
            return 0
        change_of = org_change if log is Log.ORG else project_change
        async with change_of(self._database, scope, _SYSTEM) as change:
            connection = change.connection
            first = int(await connection.scalar(select(heads.c.first_seq).where(head)) or 0)
            kept = await connection.scalar(select(func.min(rows.c.seq)).where(theirs, rows.c.at >= before_ms))
            last = min(end if kept is None else kept - 1, end, first + ROWS_A_STEP)
            hashed = await connection.scalar(select(rows.c.hash).where(theirs, rows.c.seq == last))
            going = select(func.count()).select_from(rows).where(theirs, rows.c.seq <= last)
            if hashed is None or await connection.scalar(going) != last - first:
                # Rows are missing among them: that stays to be seen, and nothing goes.
                change.nothing()
                return 0
            await connection.execute(delete(rows).where(theirs, rows.c.seq <= last))
            await connection.execute(update(heads).where(head).values(first_seq=last, first_hash=hashed))
            told = {"through": last, "hash": bytes(hashed).hex()}
            change.note(EXPIRED, "audit_log", scope, after=told)
            return last - first

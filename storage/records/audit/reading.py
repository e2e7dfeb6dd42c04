"""Reads the audit logs of a region: pages for people, chains for their proof."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, NamedTuple, Protocol

from sqlalchemy import Row, Table, select

from mesh.errors import Unavailable
from sankofa.residency.v1.error_pb2 import ErrorReason
from storage.records.audit.chain import AuditRow
from storage.records.audit.stored import org_row, project_row
from storage.records.change import org_change, project_change
from storage.records.engine import Database
from storage.records.tables import accounts, org_audit, org_audit_heads, project_audit, project_audit_heads

ROWS_A_STEP: Final = 1000


class Log(Enum):
    """Whose chains."""

    ORG = "org"
    PROJECT = "project"


@dataclass(frozen=True, slots=True)
class Filter:
    """Which rows; empty and 0 are no limit. Times are unix milliseconds, `until_ms` is not included."""

    actor_id: str = ""
    action: str = ""
    resource_type: str = ""
    since_ms: int = 0
    until_ms: int = 0
    before_seq: int = 0


class Head(NamedTuple):
    """Where a chain ends, and the row before its first one that is kept."""

    seq: int
    hash: bytes
    first_seq: int
    first_hash: bytes


class AuditRecords(Protocol):
    """All methods raise Unavailable."""

    async def page(self, log: Log, scope: str, which: Filter, limit: int) -> list[AuditRow]:
        """Rows, newest first."""

    async def one(self, log: Log, scope: str, audit_id: str) -> AuditRow | None:
        """A row."""

    async def was_read(self, log: Log, scope: str, what: dict[str, object]) -> None:
        """Writes that who acts has read it; not while the organisation is on its way to another region."""

    async def erasure_ordered(self, project_id: str, erasure_id: str, environment: str) -> None:
        """Writes that who acts orders to erase somebody; not whom."""

    async def emails(self, org_id: str, user_ids: Sequence[str]) -> dict[str, str]:
        """Of those who have acted in the organisation, or whose home this is."""

    async def scopes(self, log: Log) -> list[str]:
        """Every chain."""

    async def head(self, log: Log, scope: str) -> Head | None:
        """A chain's end; None for a chain that is not here."""

    def rows(self, log: Log, scope: str) -> AsyncIterator[AuditRow]:
        """A chain's rows in their order."""


class Stored(NamedTuple):
    """The tables of a log, the column that says whose a row is, and how one is read."""

    rows: Table
    heads: Table
    scope: str
    read: Callable[[Row[Any]], AuditRow]


LOGS: Final = {
    Log.ORG: Stored(org_audit, org_audit_heads, "org_id", org_row),
    Log.PROJECT: Stored(project_audit, project_audit_heads, "project_id", project_row),
}


class SqlAuditRecords:
    """AuditRecords in SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, log: Log, scope: str, which: Filter, limit: int) -> list[AuditRow]:
        """As AuditRecords says."""
        stored = LOGS[log]
        column = stored.rows.c
        wanted = [column[stored.scope] == scope]
        for name in ("actor_id", "action", "resource_type"):
            if value := getattr(which, name):
                wanted.append(column[name] == value)
        if which.since_ms:
            wanted.append(column.at >= which.since_ms)
        if which.until_ms:
            wanted.append(column.at < which.until_ms)
        if which.before_seq:
            wanted.append(column.seq < which.before_seq)
        query = select(stored.rows).where(*wanted).order_by(column.seq.desc()).limit(limit)
        async with self._database.read() as connection:
            return [stored.read(row) for row in await connection.execute(query)]

    async def one(self, log: Log, scope: str, audit_id: str) -> AuditRow | None:
        """As AuditRecords says."""
        stored = LOGS[log]
        column = stored.rows.c
        query = select(stored.rows).where(column[stored.scope] == scope, column.audit_id == audit_id)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else stored.read(row)

    async def was_read(self, log: Log, scope: str, what: dict[str, object]) -> None:
        """As AuditRecords says."""
        change = org_change if log is Log.ORG else project_change
        try:
            async with change(self._database, scope) as changing:
                changing.note("audit.read", "audit_log", scope, after=what)
        except Unavailable as error:
            if error.reason != ErrorReason.ERROR_REASON_ORG_MOVING:
                raise

    async def erasure_ordered(self, project_id: str, erasure_id: str, environment: str) -> None:
        """As AuditRecords says."""
        async with project_change(self._database, project_id) as change:
            change.note("person.erasure.ordered", "erasure", erasure_id, after={"environment": environment})

    async def emails(self, org_id: str, user_ids: Sequence[str]) -> dict[str, str]:
        """As AuditRecords says."""
        acted = (org_audit.c.org_id == org_id, org_audit.c.actor_id.in_(user_ids))
        here = select(accounts.c.user_id, accounts.c.email).where(accounts.c.user_id.in_(user_ids))
        async with self._database.read() as connection:
            query = select(org_audit.c.actor_id, org_audit.c.actor_email).where(
                *acted, org_audit.c.actor_email != ""
            )
            found = dict((await connection.execute(query.order_by(org_audit.c.seq))).tuples().all())
            return found | dict((await connection.execute(here)).tuples().all())

    async def scopes(self, log: Log) -> list[str]:
        """As AuditRecords says."""
        stored = LOGS[log]
        query = select(stored.heads.c[stored.scope]).order_by(stored.heads.c[stored.scope])
        async with self._database.read() as connection:
            return list(await connection.scalars(query))

    async def head(self, log: Log, scope: str) -> Head | None:
        """As AuditRecords says."""
        stored = LOGS[log]
        async with self._database.read() as connection:
            query = select(stored.heads).where(stored.heads.c[stored.scope] == scope)
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            return None
        return Head(row.seq, bytes(row.hash), row.first_seq, bytes(row.first_hash))

    async def rows(self, log: Log, scope: str) -> AsyncIterator[AuditRow]:
        """As AuditRecords says, a thousand at a time."""
        stored = LOGS[log]
        column, after = stored.rows.c, 0
        while True:
            wanted = (column[stored.scope] == scope, column.seq > after)
            query = select(stored.rows).where(*wanted).order_by(column.seq).limit(ROWS_A_STEP)
            async with self._database.read() as connection:
                some = [stored.read(row) for row in await connection.execute(query)]
            for row in some:
                yield row
            if len(some) < ROWS_A_STEP:
                return
            after = some[-1].seq

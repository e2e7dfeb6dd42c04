"""What of the audit logs the region's analytics store has a copy of, and what it should have.

The mirror is to hold, of each log whose owner is here, the rows that the records keep, and nothing else: what
leaves the records (past its time, or to another region) leaves the mirror too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, Protocol

from sqlalchemy import delete, func, insert, or_, select, update

from storage.records.audit.chain import AuditRow
from storage.records.audit.reading import LOGS, Log
from storage.records.engine import Database
from storage.records.tables import audit_mirrors, orgs, projects

_OWNERS: Final = {Log.ORG: orgs.c.org_id, Log.PROJECT: projects.c.project_id}


class Behind(NamedTuple):
    """A log and its mirror: rows `first_seq` + 1 to `seq` are kept, those up to `mirrored` were copied,
    those up to `erased` are not in the mirror any more. `known`: the mirror may hold some."""

    log: Log
    scope: str
    seq: int
    first_seq: int
    mirrored: int
    erased: int
    known: bool


class MirrorRecords(Protocol):
    """All methods raise Unavailable; each that changes something is one transaction."""

    async def behind(self) -> list[Behind]:
        """Every log of which the mirror has less, or more, than the records."""

    async def gone(self) -> list[str]:
        """What the mirror may hold of owners who are not here."""

    async def begin(self, log: Log, scopes: Sequence[str]) -> set[str]:
        """Says that the mirror may hold rows of these from now on; of which it may, as they are here."""

    async def rows(self, log: Log, scope: str, after: int, through: int, limit: int) -> list[AuditRow]:
        """The first rows beyond a number and up to another."""

    async def reach(self, mirrored: Mapping[str, int]) -> None:
        """Says that the mirror has all rows up to these numbers, by scope."""

    async def let_go(self, erased: Mapping[str, int]) -> None:
        """Says that the mirror has no rows up to these numbers any more, by scope."""

    async def forget(self, scopes: Sequence[str]) -> None:
        """Says that the mirror holds nothing of these."""

    async def mirrored(self, scope: str) -> int | None:
        """Up to which number the mirror has all rows; None where it holds none."""

    async def known(self) -> set[str]:
        """Every scope of which the mirror may hold rows."""

    async def expected(self, log: Log, since_ms: int) -> dict[str, int]:
        """How many rows the mirror should have, not older than a time, by scope."""


class SqlMirrorRecords:
    """MirrorRecords in SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def behind(self) -> list[Behind]:
        """As MirrorRecords says."""
        found: list[Behind] = []
        async with self._database.read() as connection:
            for log, stored in LOGS.items():
                heads, scope = stored.heads.c, stored.heads.c[stored.scope]
                theirs = audit_mirrors.c.scope == scope
                query = (
                    select(scope, heads.seq, heads.first_seq, audit_mirrors.c.seq, audit_mirrors.c.first_seq)
                    .select_from(stored.heads.outerjoin(audit_mirrors, theirs))
                    .where(
                        or_(
                            heads.seq > func.coalesce(audit_mirrors.c.seq, 0),
                            heads.first_seq > func.coalesce(audit_mirrors.c.first_seq, 0),
                        )
                    )
                    .order_by(scope)
                )
                for name, seq, first, mirrored, erased in await connection.execute(query):
                    known = mirrored is not None
                    at = (mirrored, erased) if known else (first, first)
                    found.append(Behind(log, name, seq, first, *at, known))
        return found

    async def gone(self) -> list[str]:
        """As MirrorRecords says."""
        found: list[str] = []
        async with self._database.read() as connection:
            for log, owner in _OWNERS.items():
                query = select(audit_mirrors.c.scope).where(
                    audit_mirrors.c.log == log.value,
                    ~select(owner).where(owner == audit_mirrors.c.scope).exists(),
                )
                found += await connection.scalars(query)
        return found

    async def begin(self, log: Log, scopes: Sequence[str]) -> set[str]:
        """As MirrorRecords says. The lock keeps an owner from being erased before it is written."""
        stored = LOGS[log]
        scope = stored.heads.c[stored.scope]
        async with self._database.write() as connection:
            heads = select(scope, stored.heads.c.first_seq).where(scope.in_(scopes)).order_by(scope)
            here = dict(
                (await connection.execute(heads.with_for_update(read=True, key_share=True))).tuples().all()
            )
            known = select(audit_mirrors.c.scope).where(audit_mirrors.c.scope.in_(scopes))
            new = here.keys() - set(await connection.scalars(known))
            if new:
                rows = [
                    {"scope": one, "log": log.value, "seq": here[one], "first_seq": here[one]}
                    for one in sorted(new)
                ]
                await connection.execute(insert(audit_mirrors), rows)
        return set(here)

    async def rows(self, log: Log, scope: str, after: int, through: int, limit: int) -> list[AuditRow]:
        """As MirrorRecords says."""
        stored = LOGS[log]
        column = stored.rows.c
        wanted = (column[stored.scope] == scope, column.seq > after, column.seq <= through)
        query = select(stored.rows).where(*wanted).order_by(column.seq).limit(limit)
        async with self._database.read() as connection:
            return [stored.read(row) for row in await connection.execute(query)]

    async def reach(self, mirrored: Mapping[str, int]) -> None:
        """As MirrorRecords says."""
        await self._set("seq", mirrored)

    async def let_go(self, erased: Mapping[str, int]) -> None:
        """As MirrorRecords says."""
        await self._set("first_seq", erased)

    async def _set(self, column: str, values: Mapping[str, int]) -> None:
        async with self._database.write() as connection:
            for scope, value in sorted(values.items()):
                this = update(audit_mirrors).where(audit_mirrors.c.scope == scope)
                await connection.execute(this.values({column: value}))

    async def forget(self, scopes: Sequence[str]) -> None:
        """As MirrorRecords says."""
        async with self._database.write() as connection:
            await connection.execute(delete(audit_mirrors).where(audit_mirrors.c.scope.in_(scopes)))

    async def mirrored(self, scope: str) -> int | None:
        """As MirrorRecords says."""
        query = select(audit_mirrors.c.seq).where(audit_mirrors.c.scope == scope)
        async with self._database.read() as connection:
            found: int | None = await connection.scalar(query)
        return found

    async def known(self) -> set[str]:
        """As MirrorRecords says."""
        async with self._database.read() as connection:
            return set(await connection.scalars(select(audit_mirrors.c.scope)))

    async def expected(self, log: Log, since_ms: int) -> dict[str, int]:
        """As MirrorRecords says."""
        stored = LOGS[log]
        rows, scope = stored.rows.c, stored.rows.c[stored.scope]
        query = (
            select(scope, func.count())
            .join_from(stored.rows, audit_mirrors, audit_mirrors.c.scope == scope)
            .where(rows.at >= since_ms, rows.seq <= audit_mirrors.c.seq)
            .group_by(scope)
        )
        async with self._database.read() as connection:
            return dict((await connection.execute(query)).tuples().all())

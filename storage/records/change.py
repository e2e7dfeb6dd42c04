"""The one way to change an organisation or a project: together with the audit row that tells of it.

    async with org_change(database, org_id) as change:
        await change.connection.execute(…)
        change.note("member.role.updated", "member", user_id, before={…}, after={…})

One transaction. The chain's head is locked from the start, so changes of one organisation follow each other,
on both databases. Who acts is mesh.context.acting(). No secret, hash or e-mail of an end user goes in a row.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace

from sqlalchemy import Table, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh.clock import wall_ms
from mesh.context import Actor, acting
from mesh.ids import new_id
from storage.records.audit.chain import GENESIS, AuditRow, Value, canonical
from storage.records.engine import Database
from storage.records.tables import org_audit, org_audit_heads, project_audit, project_audit_heads


@dataclass(slots=True)
class Change:
    """A transaction that ends with its audit rows."""

    connection: AsyncConnection
    actor: Actor
    _scope: str
    _noted: list[AuditRow] = field(default_factory=list)
    _nothing: bool = False

    def note(
        self, action: str, resource_type: str, resource_id: str, *, before: Value = None, after: Value = None
    ) -> None:
        """Tells what was done. `before`, `after`: what of the resource has changed."""
        origin = self.actor.origin
        metadata = {
            "request_id": origin.request_id,
            "address": origin.address,
            "user_agent": origin.user_agent,
        }
        self._noted.append(
            AuditRow(
                scope=self._scope,
                seq=0,
                audit_id=new_id("aud"),
                at_ms=0,
                actor_id=self.actor.user_id,
                actor_email=self.actor.email,
                action=action,
                resource_type=resource_type,
                resource_id=resource_id,
                before=canonical(before),
                after=canonical(after),
                metadata=canonical({name: value for name, value in metadata.items() if value}),
            )
        )

    def nothing(self) -> None:
        """Says that all is as it was, and there is nothing to tell."""
        self._nothing = True

    def rows(self) -> list[AuditRow]:
        """What was noted. Raises ValueError where a change tells nothing."""
        if not self._noted and not self._nothing:
            raise ValueError("a change has an audit row: note what was done, or say that it was nothing")
        return self._noted


def org_change(
    database: Database, org_id: str, actor: Actor | None = None
) -> AbstractAsyncContextManager[Change]:
    """Changes an organisation, in its primary region."""
    return _changing(database, (org_audit, org_audit_heads), "org_id", org_id, actor or acting())


def project_change(
    database: Database, project_id: str, actor: Actor | None = None
) -> AbstractAsyncContextManager[Change]:
    """Changes a project, in its own region: the row names the actor by id only."""
    who = replace(actor or acting(), email="")
    return _changing(database, (project_audit, project_audit_heads), "project_id", project_id, who)


@asynccontextmanager
async def _changing(
    database: Database,
    tables: tuple[Table, Table],
    scope_column: str,
    scope: str,
    actor: Actor,
    clock_ms: Callable[[], int] = wall_ms,
) -> AsyncIterator[Change]:
    _, heads = tables
    this = heads.c[scope_column] == scope
    async with database.write() as connection:
        await connection.execute(select(heads.c.seq).where(this).with_for_update(key_share=True))
        change = Change(connection, actor, scope)
        yield change
        await _append(connection, tables, scope_column, scope, change.rows(), clock_ms)


@asynccontextmanager
async def noting(connection: AsyncConnection, org_id: str, actor: Actor) -> AsyncIterator[Change]:
    """The rows of an organisation that is changed in a transaction which does more than that: it moves."""
    head = select(org_audit_heads.c.seq).where(org_audit_heads.c.org_id == org_id)
    await connection.execute(head.with_for_update(key_share=True))
    change = Change(connection, actor, org_id)
    yield change
    await _append(connection, (org_audit, org_audit_heads), "org_id", org_id, change.rows(), wall_ms)


async def _append(
    connection: AsyncConnection,
    tables: tuple[Table, Table],
    scope_column: str,
    scope: str,
    noted: Sequence[AuditRow],
    clock_ms: Callable[[], int],
) -> None:
    if not noted:
        return
    rows, heads = tables
    this = heads.c[scope_column] == scope
    head = (await connection.execute(select(heads.c.seq, heads.c.hash).where(this))).one_or_none()
    seq, last = (0, GENESIS) if head is None else (int(head.seq), bytes(head.hash))
    for row in noted:
        seq += 1
        numbered = replace(row, seq=seq, at_ms=clock_ms())
        last = numbered.hashed_after(last)
        await connection.execute(insert(rows).values(_values(scope_column, numbered, last)))
    if head is None:
        first = {"first_seq": 0, "first_hash": GENESIS}
        await connection.execute(
            insert(heads).values({scope_column: scope, "seq": seq, "hash": last} | first)
        )
    else:
        await connection.execute(update(heads).where(this).values(seq=seq, hash=last))


def _values(scope_column: str, row: AuditRow, hashed: bytes) -> dict[str, object]:
    return {
        scope_column: row.scope,
        "seq": row.seq,
        "audit_id": row.audit_id,
        "at": row.at_ms,
        "actor_id": row.actor_id,
        "actor_email": row.actor_email,
        "action": row.action,
        "resource_type": row.resource_type,
        "resource_id": row.resource_id,
        "before": row.before,
        "after": row.after,
        "metadata": row.metadata,
        "hash": hashed,
    }

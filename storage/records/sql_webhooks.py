"""WebhookRecords in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Row, Select, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh.errors import Conflict, NotFound
from mesh.webhooks.records import Backlog, DeadLetter, Webhook
from sankofa.residency.v1.error_pb2 import ErrorReason
from storage.records.audit.reading import Log
from storage.records.engine import Database
from storage.records.outgoing import OUTGOING

_RESOURCE = "audit_webhook"


class SqlWebhookRecords:
    """The audit webhooks of this region's organisations, or of its projects."""

    def __init__(self, database: Database, log: Log) -> None:
        self._database = database
        self._of = OUTGOING[log]

    async def add(self, webhook: Webhook, *, most: int) -> Backlog:
        """As WebhookRecords says."""
        of, hooks, rows = self._of, self._of.webhooks, self._of.rows
        async with of.change(self._database, webhook.scope) as change:
            count = select(func.count()).select_from(hooks).where(of.whose(hooks) == webhook.scope)
            if (await change.connection.execute(count)).scalar_one() >= most:
                raise Conflict(
                    ErrorReason.ERROR_REASON_TOO_MANY,
                    detail=f"a log has {most} webhooks at most, delete one",
                )
            newest = select(func.max(rows.c.seq)).where(of.whose(rows) == webhook.scope)
            sent_seq: int = await change.connection.scalar(newest) or 0
            values = {
                of.scope: webhook.scope,
                "webhook_id": webhook.webhook_id,
                "url": webhook.url,
                "sealed_secret": webhook.sealed_secret,
                "paused": webhook.paused,
                "created_at": webhook.created_at_ms,
                "sent_seq": sent_seq,
            }
            await change.connection.execute(insert(hooks).values(values))
            change.note("audit.webhook.created", _RESOURCE, webhook.webhook_id, after=_told(webhook))
        return Backlog(webhook, 1, 0)

    async def every(self, scope: str) -> list[Backlog]:
        """As WebhookRecords says."""
        hooks = self._of.webhooks
        query = self._backlogs().where(self._of.whose(hooks) == scope)
        async with self._database.read() as connection:
            found = await connection.execute(query.order_by(hooks.c.created_at, hooks.c.webhook_id))
            return [self._backlog(row) for row in found]

    async def one(self, scope: str, webhook_id: str) -> Backlog | None:
        """As WebhookRecords says."""
        async with self._database.read() as connection:
            return await self._one(connection, scope, webhook_id)

    async def change(self, scope: str, webhook_id: str, *, url: str | None, paused: bool | None) -> Backlog:
        """As WebhookRecords says."""
        named = {"url": url, "paused": paused}
        values = {name: value for name, value in named.items() if value is not None}
        streak = {"next_attempt_at": 0, "failures": 0, "failing_since": 0, "last_error": ""}
        this = self._of.of_webhook(self._of.webhooks, scope, webhook_id)
        async with self._of.change(self._database, scope) as change:
            before = await self._found(change.connection, scope, webhook_id)
            changed = update(self._of.webhooks).where(*this).values(**values, **streak)
            await change.connection.execute(changed)
            after = await self._found(change.connection, scope, webhook_id)
            told = _told(after.webhook) | {"changed": sorted(values)}
            change.note(
                "audit.webhook.changed", _RESOURCE, webhook_id, before=_told(before.webhook), after=told
            )
        return after

    async def remove(self, scope: str, webhook_id: str) -> None:
        """As WebhookRecords says."""
        this = self._of.of_webhook(self._of.webhooks, scope, webhook_id)
        async with self._of.change(self._database, scope) as change:
            before = await self._found(change.connection, scope, webhook_id)
            await change.connection.execute(delete(self._of.webhooks).where(*this))
            change.note("audit.webhook.deleted", _RESOURCE, webhook_id, before=_told(before.webhook))

    async def dead_letters(
        self, scope: str, webhook_id: str, *, after_seq: int, limit: int
    ) -> list[DeadLetter]:
        """As WebhookRecords says."""
        table = self._of.dead_letters
        letters = table.c
        these = (*self._of.of_webhook(table, scope, webhook_id), letters.seq > after_seq)
        query = select(letters.seq, letters.error, letters.failed_at, letters.replaying).where(*these)
        async with self._database.read() as connection:
            found = await connection.execute(query.order_by(letters.seq).limit(limit))
            return [DeadLetter(*row) for row in found]

    async def replay(self, scope: str, webhook_id: str, *, seqs: Sequence[int] | None) -> int:
        """As WebhookRecords says."""
        letters, this = self._of.dead_letters, self._of.of_webhook(self._of.webhooks, scope, webhook_id)
        async with self._of.change(self._database, scope) as change:
            await self._found(change.connection, scope, webhook_id)
            these = [*self._of.of_webhook(letters, scope, webhook_id), ~letters.c.replaying]
            if seqs is not None:
                these.append(letters.c.seq.in_(seqs))
            again = update(letters).where(*these).values(replaying=True)
            count: int = (await change.connection.execute(again)).rowcount
            due = update(self._of.webhooks).where(*this).values(next_attempt_at=0)
            await change.connection.execute(due)
            change.note("audit.webhook.replayed", _RESOURCE, webhook_id, after={"rows": count})
        return count

    async def _found(self, connection: AsyncConnection, scope: str, webhook_id: str) -> Backlog:
        backlog = await self._one(connection, scope, webhook_id)
        if backlog is None:
            raise NotFound(ErrorReason.ERROR_REASON_WEBHOOK_NOT_FOUND)
        return backlog

    async def _one(self, connection: AsyncConnection, scope: str, webhook_id: str) -> Backlog | None:
        this = self._of.of_webhook(self._of.webhooks, scope, webhook_id)
        row = (await connection.execute(self._backlogs().where(*this))).one_or_none()
        return None if row is None else self._backlog(row)

    def _backlogs(self) -> Select[Any]:
        of, hooks, letters, rows = self._of, self._of.webhooks, self._of.dead_letters, self._of.rows
        theirs = of.whose(letters) == of.whose(hooks), letters.c.webhook_id == hooks.c.webhook_id
        given_up = select(func.count()).select_from(letters).where(*theirs).scalar_subquery()
        newest = select(func.max(rows.c.seq)).where(of.whose(rows) == of.whose(hooks)).scalar_subquery()
        return select(hooks, given_up.label("given_up"), newest.label("newest"))

    def _backlog(self, row: Row[Any]) -> Backlog:
        webhook = as_webhook(row, self._of.scope)
        return Backlog(webhook, max(0, (row.newest or 0) - row.sent_seq), row.given_up)


def as_webhook(row: Row[Any], scope: str) -> Webhook:
    """A row of a table of webhooks; `scope` is its column of whose it is."""
    return Webhook(
        row._mapping[scope],
        row.webhook_id,
        row.url,
        row.sealed_secret,
        row.paused,
        row.created_at,
        row.sent_seq,
        row.failures,
        row.failing_since,
        row.next_attempt_at,
        row.last_error,
        row.delivered_at,
    )


def _told(webhook: Webhook) -> dict[str, object]:
    """For the log: where to, without the path and the query, which may hold a token."""
    return {"host": urlsplit(webhook.url).hostname, "state": "paused" if webhook.paused else "active"}

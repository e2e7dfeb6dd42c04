"""WebhookRecords in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import ColumnElement, Row, Select, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh.errors import Conflict, NotFound
from sankofa.residency.v1.error_pb2 import ErrorReason
from storage.records.change import org_change
from storage.records.engine import Database
from storage.records.tables import audit_dead_letters, audit_webhooks, org_audit
from storage.records.webhooks import Backlog, DeadLetter, Webhook

_hooks, _letters, _log = audit_webhooks.c, audit_dead_letters.c, org_audit.c
_RESOURCE = "audit_webhook"


class SqlWebhookRecords:
    """The audit webhooks of this region's organisations."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, webhook: Webhook, *, most: int) -> Backlog:
        """As WebhookRecords says."""
        async with org_change(self._database, webhook.org_id) as change:
            of_org = _hooks.org_id == webhook.org_id
            count = select(func.count()).select_from(audit_webhooks).where(of_org)
            if (await change.connection.execute(count)).scalar_one() >= most:
                raise Conflict(
                    ErrorReason.ERROR_REASON_TOO_MANY,
                    detail=f"an organisation has {most} webhooks at most, delete one",
                )
            newest = select(func.max(_log.seq)).where(_log.org_id == webhook.org_id)
            sent_seq: int = await change.connection.scalar(newest) or 0
            values = {
                "org_id": webhook.org_id,
                "webhook_id": webhook.webhook_id,
                "url": webhook.url,
                "sealed_secret": webhook.sealed_secret,
                "paused": webhook.paused,
                "created_at": webhook.created_at_ms,
                "sent_seq": sent_seq,
            }
            await change.connection.execute(insert(audit_webhooks).values(values))
            change.note(
                "audit.webhook.created",
                _RESOURCE,
                webhook.webhook_id,
                after=_told(webhook),
            )
        return Backlog(webhook, 1, 0)

    async def every(self, org_id: str) -> list[Backlog]:
        """As WebhookRecords says."""
        query = _backlogs().where(_hooks.org_id == org_id).order_by(_hooks.created_at, _hooks.webhook_id)
        async with self._database.read() as connection:
            return [_backlog(row) for row in await connection.execute(query)]

    async def one(self, org_id: str, webhook_id: str) -> Backlog | None:
        """As WebhookRecords says."""
        async with self._database.read() as connection:
            return await _one(connection, org_id, webhook_id)

    async def change(self, org_id: str, webhook_id: str, *, url: str | None, paused: bool | None) -> Backlog:
        """As WebhookRecords says."""
        named = {"url": url, "paused": paused}
        values = {name: value for name, value in named.items() if value is not None}
        streak = {"next_attempt_at": 0, "failures": 0, "failing_since": 0, "last_error": ""}
        async with org_change(self._database, org_id) as change:
            before = _found(await _one(change.connection, org_id, webhook_id))
            changed = update(audit_webhooks).where(*_is(org_id, webhook_id)).values(**values, **streak)
            await change.connection.execute(changed)
            after = _found(await _one(change.connection, org_id, webhook_id))
            change.note(
                "audit.webhook.changed",
                _RESOURCE,
                webhook_id,
                before=_told(before.webhook),
                after=_told(after.webhook) | {"changed": sorted(values)},
            )
        return after

    async def remove(self, org_id: str, webhook_id: str) -> None:
        """As WebhookRecords says."""
        async with org_change(self._database, org_id) as change:
            before = _found(await _one(change.connection, org_id, webhook_id))
            await change.connection.execute(delete(audit_webhooks).where(*_is(org_id, webhook_id)))
            change.note(
                "audit.webhook.deleted",
                _RESOURCE,
                webhook_id,
                before=_told(before.webhook),
            )

    async def dead_letters(
        self, org_id: str, webhook_id: str, *, after_seq: int, limit: int
    ) -> list[DeadLetter]:
        """As WebhookRecords says."""
        these = (*_letters_of(org_id, webhook_id), _letters.seq > after_seq)
        query = select(_letters.seq, _letters.error, _letters.failed_at, _letters.replaying).where(*these)
        async with self._database.read() as connection:
            found = await connection.execute(query.order_by(_letters.seq).limit(limit))
            return [DeadLetter(*row) for row in found]

    async def replay(self, org_id: str, webhook_id: str, *, seqs: Sequence[int] | None) -> int:
        """As WebhookRecords says."""
        async with org_change(self._database, org_id) as change:
            _found(await _one(change.connection, org_id, webhook_id))
            these = [*_letters_of(org_id, webhook_id), ~_letters.replaying]
            if seqs is not None:
                these.append(_letters.seq.in_(seqs))
            again = update(audit_dead_letters).where(*these).values(replaying=True)
            count: int = (await change.connection.execute(again)).rowcount
            due = update(audit_webhooks).where(*_is(org_id, webhook_id)).values(next_attempt_at=0)
            await change.connection.execute(due)
            change.note(
                "audit.webhook.replayed",
                _RESOURCE,
                webhook_id,
                after={"rows": count},
            )
        return count


def _found(backlog: Backlog | None) -> Backlog:
    if backlog is None:
        raise NotFound(ErrorReason.ERROR_REASON_WEBHOOK_NOT_FOUND)
    return backlog


async def _one(connection: AsyncConnection, org_id: str, webhook_id: str) -> Backlog | None:
    row = (await connection.execute(_backlogs().where(*_is(org_id, webhook_id)))).one_or_none()
    return None if row is None else _backlog(row)


def _is(org_id: str, webhook_id: str) -> tuple[ColumnElement[bool], ...]:
    return _hooks.org_id == org_id, _hooks.webhook_id == webhook_id


def _letters_of(org_id: str, webhook_id: str) -> tuple[ColumnElement[bool], ...]:
    return _letters.org_id == org_id, _letters.webhook_id == webhook_id


def _backlogs() -> Select[Any]:
    letters = _letters.org_id == _hooks.org_id, _letters.webhook_id == _hooks.webhook_id
    given_up = select(func.count()).select_from(audit_dead_letters).where(*letters).scalar_subquery()
    newest = select(func.max(_log.seq)).where(_log.org_id == _hooks.org_id).scalar_subquery()
    return select(audit_webhooks, given_up.label("given_up"), newest.label("newest"))


def _backlog(row: Row[Any]) -> Backlog:
    return Backlog(as_webhook(row), max(0, (row.newest or 0) - row.sent_seq), row.given_up)


def as_webhook(row: Row[Any]) -> Webhook:
    """A row of audit_webhooks."""
    return Webhook(
        row.org_id,
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

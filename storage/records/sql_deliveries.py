"""DeliveryRecords in SQL: how far each webhook is."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, and_, delete, exists, func, insert, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.records.audit.stored import org_row
from storage.records.engine import Database
from storage.records.sql_webhooks import as_webhook
from storage.records.tables import audit_dead_letters, audit_webhooks, fences, org_audit
from storage.records.webhooks import Failure, Waiting, Webhook

_hooks, _letters, _log = audit_webhooks.c, audit_dead_letters.c, org_audit.c


class SqlDeliveryRecords:
    """The cursors of this region's webhooks."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def due(self, now_ms: int) -> list[Webhook]:
        """As DeliveryRecords says."""
        new = exists().where(_log.org_id == _hooks.org_id, _log.seq > _hooks.sent_seq)
        # With its row: the log may have let go of it since.
        its_row = (_log.org_id == _letters.org_id, _log.seq == _letters.seq)
        again = exists().where(*_letters_of_hook(), _letters.replaying, *its_row)
        query = select(audit_webhooks).where(_sends(now_ms), or_(new, again))
        async with self._database.read() as connection:
            return [as_webhook(row) for row in await connection.execute(query)]

    async def waiting(self, org_id: str, webhook_id: str, now_ms: int) -> Waiting | None:
        """As DeliveryRecords says."""
        this = (_hooks.org_id == org_id, _hooks.webhook_id == webhook_id)
        async with self._database.read() as connection:
            found = (
                await connection.execute(select(audit_webhooks).where(*this, _sends(now_ms)))
            ).one_or_none()
            if found is None:
                return None
            webhook = as_webhook(found)
            again = (_letters.org_id == org_id, _letters.webhook_id == webhook_id, _letters.replaying)
            replayed = select(org_audit).join(
                audit_dead_letters, and_(_letters.org_id == _log.org_id, _letters.seq == _log.seq)
            )
            new = select(org_audit).where(_log.org_id == org_id, _log.seq > webhook.sent_seq)
            for query, is_replayed in ((replayed.where(*again), True), (new, False)):
                row = (await connection.execute(query.order_by(_log.seq).limit(1))).one_or_none()
                if row is not None:
                    return Waiting(webhook, org_row(row), is_replayed)
            return None

    async def taken(self, waiting: Waiting, now_ms: int) -> None:
        """As DeliveryRecords says."""
        values: dict[str, Any] = {
            "failures": 0,
            "failing_since": 0,
            "next_attempt_at": 0,
            "last_error": "",
            "delivered_at": now_ms,
        }
        async with self._database.write() as connection:
            if waiting.replayed:
                await connection.execute(delete(audit_dead_letters).where(*_letter(waiting)))
                await connection.execute(update(audit_webhooks).where(*_hook(waiting)).values(values))
            else:
                await _advance(connection, waiting, waiting.row.seq, values)

    async def failed(self, waiting: Waiting, failure: Failure, now_ms: int, *, give_up_ms: int) -> None:
        """As DeliveryRecords says."""
        values = {
            "failures": failure.failures,
            "failing_since": failure.since_ms,
            "next_attempt_at": failure.next_attempt_at_ms,
            "last_error": failure.error,
        }
        # What an Owner has changed meanwhile is tried at once, whatever became of an attempt of before.
        read = waiting.webhook
        unchanged = (_hooks.url == read.url, _hooks.failures == read.failures, _hooks.paused == read.paused)
        async with self._database.write() as connection:
            told = update(audit_webhooks).where(*_hook(waiting), *unchanged).values(values)
            counts = (await connection.execute(told)).rowcount
            if waiting.replayed:
                back = {"replaying": False, "error": failure.error, "failed_at": now_ms}
                await connection.execute(update(audit_dead_letters).where(*_letter(waiting)).values(back))
            if give_up_ms and counts:
                await _give_up(connection, waiting, failure.error, now_ms, give_up_ms)


async def _give_up(
    connection: AsyncConnection, waiting: Waiting, error: str, now_ms: int, before_ms: int
) -> None:
    """All that waits up to the first row that is younger goes to the dead letters, in one statement."""
    webhook = waiting.webhook
    after = (_log.org_id == webhook.org_id, _log.seq > webhook.sent_seq)
    younger = await connection.scalar(select(func.min(_log.seq)).where(*after, _log.at > before_ms))
    newest = await connection.scalar(select(func.max(_log.seq)).where(*after))
    last = newest if younger is None else younger - 1
    if last is None or last <= webhook.sent_seq:
        return
    given_up = select(
        literal(webhook.org_id),
        literal(webhook.webhook_id),
        _log.seq,
        literal(error),
        literal(now_ms),
    ).where(*after, _log.seq <= last)
    columns = ["org_id", "webhook_id", "seq", "error", "failed_at"]
    if await _advance(connection, waiting, last, {}):
        await connection.execute(insert(audit_dead_letters).from_select(columns, given_up))


async def _advance(connection: AsyncConnection, waiting: Waiting, seq: int, values: dict[str, Any]) -> bool:
    """Moves the cursor on, from where it was read only."""
    where_it_was = (*_hook(waiting), _hooks.sent_seq == waiting.webhook.sent_seq)
    moved = await connection.execute(
        update(audit_webhooks).where(*where_it_was).values(sent_seq=seq, **values)
    )
    return bool(moved.rowcount)


def _sends(now_ms: int) -> ColumnElement[bool]:
    """Not paused, due, and of an organisation that is not on its way to another region."""
    leaving = exists().where(fences.c.subject == _hooks.org_id)
    return and_(~_hooks.paused, _hooks.next_attempt_at <= now_ms, ~leaving)


def _hook(waiting: Waiting) -> tuple[ColumnElement[bool], ...]:
    return _hooks.org_id == waiting.webhook.org_id, _hooks.webhook_id == waiting.webhook.webhook_id


def _letter(waiting: Waiting) -> tuple[ColumnElement[bool], ...]:
    webhook = waiting.webhook
    of_webhook = _letters.org_id == webhook.org_id, _letters.webhook_id == webhook.webhook_id
    return *of_webhook, _letters.seq == waiting.row.seq


def _letters_of_hook() -> tuple[ColumnElement[bool], ...]:
    return _letters.org_id == _hooks.org_id, _letters.webhook_id == _hooks.webhook_id

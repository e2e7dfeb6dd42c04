"""DeliveryRecords in SQL: how far each webhook is."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, and_, delete, exists, func, insert, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh.webhooks.records import Failure, Waiting, Webhook
from storage.records.audit.chain import AuditRow
from storage.records.audit.reading import Log
from storage.records.engine import Database
from storage.records.outgoing import OUTGOING, Conditions
from storage.records.sql_webhooks import as_webhook


class SqlDeliveryRecords:
    """The cursors of the webhooks of this region's organisations, or of its projects."""

    def __init__(self, database: Database, log: Log) -> None:
        self._database = database
        self._of = OUTGOING[log]

    async def due(self, now_ms: int) -> list[Webhook]:
        """As DeliveryRecords says."""
        of, hooks, letters, rows = self._of, self._of.webhooks, self._of.dead_letters, self._of.rows
        new = exists().where(of.whose(rows) == of.whose(hooks), rows.c.seq > hooks.c.sent_seq)
        theirs = of.whose(letters) == of.whose(hooks), letters.c.webhook_id == hooks.c.webhook_id
        # With its row: the log may have let go of it since.
        again = exists().where(*theirs, letters.c.replaying, self._its_row())
        query = select(hooks).where(self._sends(now_ms), or_(new, again))
        async with self._database.read() as connection:
            return [as_webhook(row, of.scope) for row in await connection.execute(query)]

    async def waiting(self, scope: str, webhook_id: str, now_ms: int) -> Waiting[AuditRow] | None:
        """As DeliveryRecords says."""
        of, rows, letters = self._of, self._of.rows, self._of.dead_letters
        hook = select(of.webhooks).where(*of.of_webhook(of.webhooks, scope, webhook_id), self._sends(now_ms))
        async with self._database.read() as connection:
            found = (await connection.execute(hook)).one_or_none()
            if found is None:
                return None
            webhook = as_webhook(found, of.scope)
            again = (*of.of_webhook(letters, scope, webhook_id), letters.c.replaying)
            replayed = select(rows).join(letters, self._its_row()).where(*again)
            new = select(rows).where(of.whose(rows) == scope, rows.c.seq > webhook.sent_seq)
            for query, is_replayed in ((replayed, True), (new, False)):
                row = (await connection.execute(query.order_by(rows.c.seq).limit(1))).one_or_none()
                if row is not None:
                    return Waiting(webhook, of.read(row), is_replayed)
            return None

    async def taken(self, waiting: Waiting[AuditRow], now_ms: int) -> None:
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
                await connection.execute(delete(self._of.dead_letters).where(*self._letter(waiting)))
                this = self._hook(waiting.webhook)
                await connection.execute(update(self._of.webhooks).where(*this).values(values))
            else:
                await self._advance(connection, waiting.webhook, waiting.row.seq, values)

    async def failed(
        self, waiting: Waiting[AuditRow], failure: Failure, now_ms: int, *, give_up_ms: int
    ) -> None:
        """As DeliveryRecords says."""
        values = {
            "failures": failure.failures,
            "failing_since": failure.since_ms,
            "next_attempt_at": failure.next_attempt_at_ms,
            "last_error": failure.error,
        }
        # What somebody has changed meanwhile is tried at once, whatever became of an attempt of before.
        read, hooks = waiting.webhook, self._of.webhooks.c
        unchanged = (hooks.url == read.url, hooks.failures == read.failures, hooks.paused == read.paused)
        async with self._database.write() as connection:
            told = update(self._of.webhooks).where(*self._hook(read), *unchanged).values(values)
            counts = (await connection.execute(told)).rowcount
            if waiting.replayed:
                back = {"replaying": False, "error": failure.error, "failed_at": now_ms}
                this = update(self._of.dead_letters).where(*self._letter(waiting))
                await connection.execute(this.values(back))
            if give_up_ms and counts:
                await self._give_up(connection, read, failure.error, now_ms, give_up_ms)

    async def _give_up(
        self, connection: AsyncConnection, webhook: Webhook, error: str, now_ms: int, before_ms: int
    ) -> None:
        """All that waits up to the first row that is younger goes to the dead letters, in one statement."""
        of, rows = self._of, self._of.rows.c
        after = (of.whose(of.rows) == webhook.scope, rows.seq > webhook.sent_seq)
        younger = await connection.scalar(select(func.min(rows.seq)).where(*after, rows.at > before_ms))
        newest = await connection.scalar(select(func.max(rows.seq)).where(*after))
        last = newest if younger is None else younger - 1
        if last is None or last <= webhook.sent_seq:
            return
        told = (literal(error), literal(now_ms))
        given_up = select(literal(webhook.scope), literal(webhook.webhook_id), rows.seq, *told)
        columns = [of.scope, "webhook_id", "seq", "error", "failed_at"]
        if await self._advance(connection, webhook, last, {}):
            these = given_up.where(*after, rows.seq <= last)
            await connection.execute(insert(of.dead_letters).from_select(columns, these))

    async def _advance(
        self, connection: AsyncConnection, webhook: Webhook, seq: int, values: dict[str, Any]
    ) -> bool:
        """Moves the cursor on, from where it was read only."""
        where_it_was = (*self._hook(webhook), self._of.webhooks.c.sent_seq == webhook.sent_seq)
        moved = update(self._of.webhooks).where(*where_it_was).values(sent_seq=seq, **values)
        return bool((await connection.execute(moved)).rowcount)

    def _sends(self, now_ms: int) -> ColumnElement[bool]:
        """Not paused, due, and not on its way to another region."""
        hooks = self._of.webhooks
        return and_(~hooks.c.paused, hooks.c.next_attempt_at <= now_ms, ~self._of.leaving(hooks))

    def _hook(self, webhook: Webhook) -> Conditions:
        return self._of.of_webhook(self._of.webhooks, webhook.scope, webhook.webhook_id)

    def _letter(self, waiting: Waiting[AuditRow]) -> Conditions:
        webhook, letters = waiting.webhook, self._of.dead_letters
        this = self._of.of_webhook(letters, webhook.scope, webhook.webhook_id)
        return *this, letters.c.seq == waiting.row.seq

    def _its_row(self) -> ColumnElement[bool]:
        """The row of the log that a dead letter is the number of."""
        of, rows, letters = self._of, self._of.rows, self._of.dead_letters
        return and_(of.whose(rows) == of.whose(letters), rows.c.seq == letters.c.seq)

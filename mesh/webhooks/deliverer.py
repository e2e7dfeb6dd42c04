"""Follows the log for every webhook, one row after the other, each webhook for itself.

What is to be sent is the log after a cursor in the records, so nothing is lost with the process. The cursor
moves after the receiver has answered: killed in between, the row is sent again with the same delivery id.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Generic

from mesh.clock import wall_ms
from mesh.errors import SankofaError
from mesh.numbered import R
from mesh.webhooks.patience import after_failure, given_up_before
from mesh.webhooks.payload import Payload
from mesh.webhooks.records import DeliveryRecords, Waiting, Webhook
from mesh.webhooks.sending import Sender
from mesh.webhooks.signing import delivery_id

log = logging.getLogger(__name__)


class Deliverer(Generic[R]):
    """One per region and kind of log: looks every `every_s` seconds for webhooks with something to send."""

    def __init__(
        self,
        *,
        records: DeliveryRecords[R],
        sender: Sender,
        payload: Payload[R],
        every_s: float,
        clock_ms: Callable[[], int] = wall_ms,
    ) -> None:
        self._records = records
        self._sender = sender
        self._payload = payload
        self._every_s = every_s
        self._clock_ms = clock_ms
        self._busy: set[tuple[str, str]] = set()

    async def run(self) -> None:
        """Runs until cancelled. A webhook has a task of its own: who is slow keeps nobody else waiting."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                for webhook in await self._due():
                    place = (webhook.scope, webhook.webhook_id)
                    if place not in self._busy:
                        self._busy.add(place)
                        tasks.create_task(self._work_off(*place))
                await asyncio.sleep(self._every_s)

    async def _due(self) -> list[Webhook]:
        try:
            return await self._records.due(self._clock_ms())
        except SankofaError as error:
            log.warning("audit webhooks: the records do not answer: %s", error.public_text)
            return []

    async def _work_off(self, scope: str, webhook_id: str) -> None:
        """Sends until nothing waits, an attempt fails, or the webhook is paused, gone or moving."""
        try:
            while waiting := await self._records.waiting(scope, webhook_id, self._clock_ms()):
                if not await self._deliver(waiting):
                    return
        except SankofaError as error:
            log.info("audit webhook %s waits: %s", webhook_id, error.public_text)
        finally:
            self._busy.discard((scope, webhook_id))

    async def _deliver(self, waiting: Waiting[R]) -> bool:
        webhook, row = waiting.webhook, waiting.row
        delivery = delivery_id(webhook.webhook_id, row.seq)
        body = self._payload.row(delivery, webhook.scope, row)
        outcome = await self._sender.send(webhook, delivery, body, rows=1)
        now_ms = self._clock_ms()
        if outcome.taken:
            await self._records.taken(waiting, now_ms)
        else:
            failure = after_failure(webhook, outcome.error, now_ms)
            await self._records.failed(waiting, failure, now_ms, give_up_ms=given_up_before(failure, now_ms))
        return outcome.taken

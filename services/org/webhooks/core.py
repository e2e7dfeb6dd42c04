"""Webhooks of organisations: what their Owners may do with them, without gRPC and SQL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from mesh.clock import wall_ms
from mesh.errors import InvalidInput, NotFound
from mesh.ids import new_id
from mesh.permissions import OrgAction
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.org.callers import Callers
from services.org.webhooks.payload import test_body
from services.org.webhooks.sending import Outcome, Sender
from services.org.webhooks.signing import new_secret, seq_of
from storage.records.webhooks import Backlog, DeadLetter, Webhook, WebhookRecords

MOST_WEBHOOKS: Final = 10
TRIAL_TIMEOUT_S: Final = 5.0
"""Less than a shim waits for the answer."""
MOST_LETTERS_A_PAGE: Final = 1_000


class Webhooks:
    """The webhooks of the organisations whose primary region this is.

    Every method raises Unauthenticated, Forbidden (no Owner), and NotFound where the webhook is not there.
    """

    def __init__(
        self,
        *,
        callers: Callers,
        records: WebhookRecords,
        sender: Sender,
        clock_ms: Callable[[], int] = wall_ms,
    ) -> None:
        self._callers = callers
        self._records = records
        self._sender = sender
        self._clock_ms = clock_ms

    async def create(self, token: str | None, org_id: str, url: str) -> tuple[Backlog, str]:
        """A webhook and its secret, told this once. Raises InvalidInput, and Conflict for one too many."""
        await self._callers.member(token, org_id, OrgAction.MANAGE_WEBHOOKS)
        await self._sender.vet(url)
        webhook_id, secret = new_id("whk"), new_secret()
        sealed = self._sender.seal(webhook_id, secret)
        webhook = Webhook(org_id, webhook_id, url, sealed, paused=False, created_at_ms=self._clock_ms())
        return await self._records.add(webhook, most=MOST_WEBHOOKS), secret

    async def every(self, token: str | None, org_id: str) -> list[Backlog]:
        """Oldest first."""
        await self._callers.member(token, org_id, OrgAction.MANAGE_WEBHOOKS)
        return await self._records.every(org_id)

    async def one(self, token: str | None, org_id: str, webhook_id: str) -> Backlog:
        """One of them."""
        await self._callers.member(token, org_id, OrgAction.MANAGE_WEBHOOKS)
        backlog = await self._records.one(org_id, webhook_id)
        if backlog is None:
            raise NotFound(ErrorReason.ERROR_REASON_WEBHOOK_NOT_FOUND)
        return backlog

    async def change(
        self, token: str | None, org_id: str, webhook_id: str, *, url: str | None, paused: bool | None
    ) -> Backlog:
        """Another address, or a pause or its end. Raises InvalidInput."""
        await self._callers.member(token, org_id, OrgAction.MANAGE_WEBHOOKS)
        if url is not None:
            await self._sender.vet(url)
        return await self._records.change(org_id, webhook_id, url=url, paused=paused)

    async def remove(self, token: str | None, org_id: str, webhook_id: str) -> None:
        """Ends it, with its dead letters."""
        await self._callers.member(token, org_id, OrgAction.MANAGE_WEBHOOKS)
        await self._records.remove(org_id, webhook_id)

    async def test(self, token: str | None, org_id: str, webhook_id: str) -> Outcome:
        """Sends a signed request without a row, paused or not."""
        backlog = await self.one(token, org_id, webhook_id)
        delivery = new_id("dlv")
        body = test_body(delivery, org_id)
        return await self._sender.send(backlog.webhook, delivery, body, rows=0, timeout_s=TRIAL_TIMEOUT_S)

    async def dead_letters(
        self, token: str | None, org_id: str, webhook_id: str, *, after_seq: int, limit: int
    ) -> list[DeadLetter]:
        """A page of rows that were given up. Raises InvalidInput."""
        await self.one(token, org_id, webhook_id)
        if not 1 <= limit <= MOST_LETTERS_A_PAGE:
            raise InvalidInput(detail=f"limit is 1 to {MOST_LETTERS_A_PAGE}")
        return await self._records.dead_letters(org_id, webhook_id, after_seq=after_seq, limit=limit)

    async def replay(self, token: str | None, org_id: str, webhook_id: str, deliveries: Sequence[str]) -> int:
        """Has rows that were given up sent again, all where none are named; how many. Raises InvalidInput."""
        await self._callers.member(token, org_id, OrgAction.MANAGE_WEBHOOKS)
        named = [seq_of(webhook_id, delivery) for delivery in deliveries]
        seqs = [seq for seq in named if seq is not None]
        if len(seqs) != len(named):
            raise InvalidInput(detail="delivery_ids are those of this webhook's dead letters")
        return await self._records.replay(org_id, webhook_id, seqs=seqs or None)

"""What may be done with the webhooks of one kind of log, without gRPC and SQL; a gate says who may."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from mesh.clock import wall_ms
from mesh.errors import InvalidInput, NotFound
from mesh.ids import new_id
from mesh.webhooks.records import Backlog, DeadLetter, Webhook, WebhookRecords
from mesh.webhooks.sending import Outcome, Sender
from mesh.webhooks.signing import new_secret, seq_of
from sankofa.residency.v1.error_pb2 import ErrorReason

MOST_WEBHOOKS: Final = 10
TRIAL_TIMEOUT_S: Final = 5.0
"""Less than a shim waits for the answer."""
MOST_LETTERS_A_PAGE: Final = 1_000


class WebhookGate(Protocol):
    """Who may send a log out."""

    async def manager(self, token: str | None, scope: str, *, mutation: bool) -> None:
        """Whoever is behind a token acts from here on. Raises Unauthenticated, Forbidden, NotFound."""


class Webhooks:
    """The webhooks of the logs that this region has.

    Every method raises as the gate does, and NotFound where the webhook is not there. `trial`: the body of a
    request without a row, of a delivery id and a scope.
    """

    def __init__(
        self,
        *,
        gate: WebhookGate,
        records: WebhookRecords,
        sender: Sender,
        trial: Callable[[str, str], bytes],
        clock_ms: Callable[[], int] = wall_ms,
    ) -> None:
        self._gate = gate
        self._records = records
        self._sender = sender
        self._trial = trial
        self._clock_ms = clock_ms

    async def create(self, token: str | None, scope: str, url: str) -> tuple[Backlog, str]:
        """A webhook and its secret, told this once. Raises InvalidInput, and Conflict for one too many."""
        await self._gate.manager(token, scope, mutation=True)
        await self._sender.vet(url)
        webhook_id, secret = new_id("whk"), new_secret()
        sealed = self._sender.seal(webhook_id, secret)
        webhook = Webhook(scope, webhook_id, url, sealed, paused=False, created_at_ms=self._clock_ms())
        return await self._records.add(webhook, most=MOST_WEBHOOKS), secret

    async def every(self, token: str | None, scope: str) -> list[Backlog]:
        """Oldest first."""
        await self._gate.manager(token, scope, mutation=False)
        return await self._records.every(scope)

    async def one(self, token: str | None, scope: str, webhook_id: str) -> Backlog:
        """One of them."""
        await self._gate.manager(token, scope, mutation=False)
        backlog = await self._records.one(scope, webhook_id)
        if backlog is None:
            raise NotFound(ErrorReason.ERROR_REASON_WEBHOOK_NOT_FOUND)
        return backlog

    async def change(
        self, token: str | None, scope: str, webhook_id: str, *, url: str | None, paused: bool | None
    ) -> Backlog:
        """Another address, or a pause or its end. Raises InvalidInput."""
        await self._gate.manager(token, scope, mutation=True)
        if url is not None:
            await self._sender.vet(url)
        return await self._records.change(scope, webhook_id, url=url, paused=paused)

    async def remove(self, token: str | None, scope: str, webhook_id: str) -> None:
        """Ends it, with its dead letters."""
        await self._gate.manager(token, scope, mutation=True)
        await self._records.remove(scope, webhook_id)

    async def test(self, token: str | None, scope: str, webhook_id: str) -> Outcome:
        """Sends a signed request without a row, paused or not."""
        backlog = await self.one(token, scope, webhook_id)
        delivery = new_id("dlv")
        body = self._trial(delivery, scope)
        return await self._sender.send(backlog.webhook, delivery, body, rows=0, timeout_s=TRIAL_TIMEOUT_S)

    async def dead_letters(
        self, token: str | None, scope: str, webhook_id: str, *, after_seq: int, limit: int
    ) -> list[DeadLetter]:
        """A page of rows that were given up. Raises InvalidInput."""
        await self.one(token, scope, webhook_id)
        if not 1 <= limit <= MOST_LETTERS_A_PAGE:
            raise InvalidInput(detail=f"limit is 1 to {MOST_LETTERS_A_PAGE}")
        return await self._records.dead_letters(scope, webhook_id, after_seq=after_seq, limit=limit)

    async def replay(self, token: str | None, scope: str, webhook_id: str, deliveries: Sequence[str]) -> int:
        """Has rows that were given up sent again, all where none are named; how many. Raises InvalidInput."""
        await self._gate.manager(token, scope, mutation=True)
        named = [seq_of(webhook_id, delivery) for delivery in deliveries]
        seqs = [seq for seq in named if seq is not None]
        if len(seqs) != len(named):
            raise InvalidInput(detail="delivery_ids are those of this webhook's dead letters")
        return await self._records.replay(scope, webhook_id, seqs=seqs or None)

"""What a region keeps of webhooks. The Protocols here are storage's to fulfil, once for each kind of log.

`scope` is whose log it is: an organisation or a project.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol

from mesh.numbered import R


@dataclass(frozen=True, slots=True)
class Webhook:
    """An address that a log is sent to. Times are unix milliseconds, 0: never.

    `sent_seq` numbers the last row that was taken or given up; `failing_since` and `failures` begin anew with
    each row that is taken.
    """

    scope: str
    webhook_id: str
    url: str
    sealed_secret: bytes
    paused: bool
    created_at_ms: int
    sent_seq: int = 0
    failures: int = 0
    failing_since_ms: int = 0
    next_attempt_at_ms: int = 0
    last_error: str = ""
    delivered_at_ms: int = 0


@dataclass(frozen=True, slots=True)
class Backlog:
    """A webhook, how many rows wait for it, and how many were given up."""

    webhook: Webhook
    waiting: int
    dead_letters: int


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A row that was given up."""

    seq: int
    error: str
    failed_at_ms: int
    replaying: bool


@dataclass(frozen=True, slots=True)
class Failure:
    """An attempt that failed: the streak that it is in, and when the next attempt is due."""

    error: str
    failures: int
    since_ms: int
    next_attempt_at_ms: int


@dataclass(frozen=True, slots=True)
class Waiting(Generic[R]):
    """The row that is next for a webhook; `replayed`: it had been given up, and somebody wants it sent again.

    Replayed rows go before new ones, oldest first.
    """

    webhook: Webhook
    row: R
    replayed: bool


class WebhookRecords(Protocol):
    """What people do to webhooks is in the very log, in the same transaction.

    All methods raise Unavailable; those that write also NotFound where the webhook is not there, and
    Unavailable(ORG_MOVING), CrossingRefused(ORG_MOVED) where the log is on its way elsewhere.
    """

    async def add(self, webhook: Webhook, *, most: int) -> Backlog:
        """Writes a new one; rows from this one on are sent to it. Raises Conflict for one too many."""

    async def every(self, scope: str) -> list[Backlog]:
        """Of one log, oldest first."""

    async def one(self, scope: str, webhook_id: str) -> Backlog | None:
        """A webhook."""

    async def change(self, scope: str, webhook_id: str, *, url: str | None, paused: bool | None) -> Backlog:
        """Changes what is named; its next attempt is due at once."""

    async def remove(self, scope: str, webhook_id: str) -> None:
        """Ends it."""

    async def dead_letters(
        self, scope: str, webhook_id: str, *, after_seq: int, limit: int
    ) -> list[DeadLetter]:
        """Rows that were given up, oldest first."""

    async def replay(self, scope: str, webhook_id: str, *, seqs: Sequence[int] | None) -> int:
        """Has rows that were given up sent again, None: all of them. How many."""


class DeliveryRecords(Protocol[R]):
    """How far each webhook is: not in the log, as the log's own rows would have to be sent too.

    All methods raise Unavailable. What is on its way to another region does not send, and its cursor stays.
    """

    async def due(self, now_ms: int) -> list[Webhook]:
        """Webhooks that are not paused, whose next attempt is due, and for which a row waits."""

    async def waiting(self, scope: str, webhook_id: str, now_ms: int) -> Waiting[R] | None:
        """What is next for a webhook; None where it is gone, paused or not due, or nothing waits."""

    async def taken(self, waiting: Waiting[R], now_ms: int) -> None:
        """The row was taken: the next one is due at once."""

    async def failed(self, waiting: Waiting[R], failure: Failure, now_ms: int, *, give_up_ms: int) -> None:
        """An attempt failed. Rows from before `give_up_ms` go to the dead letters, replayed ones at once."""

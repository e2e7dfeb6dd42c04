"""One signed request to a receiver, and whether it was taken."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mesh.egress import Egress
from mesh.errors import SankofaError
from mesh.keyring import Keyring, SealBroken
from mesh.webhooks.records import Webhook
from mesh.webhooks.signing import DELIVERY_ID, SIGNATURE, signature

PURPOSE: Final = "egress/audit-webhook"
TIMEOUT_S: Final = 10.0
MOST_ANSWER_BYTES: Final = 64 << 10
SECRET_USE: Final = "audit webhook secret"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came back: a status, or 0 and why there is none."""

    status: int
    error: str = ""

    @property
    def taken(self) -> bool:
        """Any status of 200 to 299."""
        return 200 <= self.status < 300


class Sender:
    """Seals, opens and uses the secrets of webhooks."""

    def __init__(self, *, egress: Egress, keyring: Keyring, clock_s: Callable[[], float] = time.time) -> None:
        self._egress = egress
        self._keyring = keyring
        self._clock_s = clock_s

    async def vet(self, url: str) -> None:
        """Raises InvalidInput for an address that may not be set."""
        await self._egress.vet(url, purpose=PURPOSE)

    def seal(self, webhook_id: str, secret: str) -> bytes:
        """As it rests in the records."""
        return self._keyring.seal(secret.encode(), place=webhook_id)

    async def send(
        self, webhook: Webhook, delivery: str, body: bytes, *, rows: int, timeout_s: float = TIMEOUT_S
    ) -> Outcome:
        """Sends once. Never raises for what a receiver does."""
        try:
            secret = self._keyring.open(webhook.sealed_secret, place=webhook.webhook_id).decode()
        except SealBroken:
            return Outcome(0, "the secret can't be opened with this mesh's key: make the webhook anew")
        headers = {
            "Content-Type": "application/json",
            DELIVERY_ID: delivery,
            SIGNATURE: signature(secret, int(self._clock_s()), body),
        }
        try:
            answer = await self._egress.send(
                "POST",
                webhook.url,
                purpose=PURPOSE,
                headers=headers,
                body=body,
                rows=rows,
                most_bytes=MOST_ANSWER_BYTES,
                timeout_s=timeout_s,
            )
        except SankofaError as error:
            return Outcome(0, error.public_text)
        outcome = Outcome(answer.status)
        return outcome if outcome.taken else Outcome(answer.status, f"it answered {answer.status}")

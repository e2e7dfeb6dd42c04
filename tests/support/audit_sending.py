"""A webhook's receiver as its owner would write it, and what it has checked."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass, field
from typing import Any

from tests.support.receiver import Received, Receiver, answer


@dataclass
class Taker:
    """Answers `status`, and keeps the rows of deliveries whose signature is good."""

    secret: str = ""
    status: int = 200
    bodies: list[dict[str, Any]] = field(default_factory=list)
    forged: int = 0

    async def __call__(self, received: Received) -> bytes:
        body = json.loads(received.body)
        if (
            not verified(self.secret, received)
            or received.headers["x-sankofa-delivery"] != body["delivery_id"]
        ):
            self.forged += 1
        elif self.status == 200:
            self.bodies.append(body)
        return answer(self.status)

    @property
    def actions(self) -> list[str]:
        """Of the rows that came, in their order."""
        return [body["row"]["action"] for body in self.bodies]


def verified(secret: str, received: Received) -> bool:
    """The check of docs/audit-log.md, line for line."""
    parts = dict(part.split("=", 1) for part in received.headers["x-sankofa-signature"].split(","))
    told = parts["t"].encode() + b"." + received.body
    expected = hmac.new(secret.encode(), told, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, parts["v1"])


def deliveries_of(there: Receiver) -> list[str]:
    """The delivery ids that came, repeats included."""
    return [received.headers["x-sankofa-delivery"] for received in there.received]

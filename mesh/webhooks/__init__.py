"""Webhooks: the rows of a log, sent one by one to addresses that somebody who may has set.

Signed, in order, at least once, with patience. Knows neither whose log it is nor where it rests: a service
says who may (`WebhookGate`), and storage keeps the cursors (`records.py`). What it calls, it calls through
mesh/egress.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from mesh.egress import Egress
from mesh.keyring import Keyring
from mesh.numbered import R
from mesh.tasks import background
from mesh.webhooks.core import WebhookGate, Webhooks
from mesh.webhooks.deliverer import Deliverer
from mesh.webhooks.handlers import WebhookHandlers
from mesh.webhooks.payload import Payload
from mesh.webhooks.records import DeliveryRecords, WebhookRecords
from mesh.webhooks.sending import SECRET_USE, Sender


@dataclass(frozen=True, slots=True)
class WayOut:
    """How rows leave: through what, signed with secrets that rest sealed by what, looked for how often."""

    egress: Egress
    secret: bytes
    every_s: float


def start_webhooks(
    *,
    stack: AsyncExitStack,
    gate: WebhookGate,
    records: WebhookRecords,
    cursors: DeliveryRecords[R],
    payload: Payload[R],
    way: WayOut,
    messages: Any,
) -> WebhookHandlers:
    """The handlers of one kind of log, and a deliverer at work until `stack` closes."""
    sender = Sender(egress=way.egress, keyring=Keyring(way.secret, SECRET_USE))
    deliverer = Deliverer(records=cursors, sender=sender, payload=payload, every_s=way.every_s)
    background(deliverer.run(), name="audit webhooks", stack=stack)
    webhooks = Webhooks(gate=gate, records=records, sender=sender, trial=payload.test)
    return WebhookHandlers(webhooks=webhooks, messages=messages, whose=payload.whose)

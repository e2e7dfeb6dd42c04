"""Audit webhooks: what an organisation's log says, sent to addresses that its Owners set.

What lives here: WebhookService, and the deliverer, which follows the log with a cursor for each webhook. What
does not: the log, and the way out of the mesh (mesh/egress).
"""

from __future__ import annotations

from contextlib import AsyncExitStack

from mesh.egress import Egress
from mesh.keyring import Keyring
from mesh.server import Service
from mesh.tasks import background
from sankofa.org.v1 import webhook_pb2
from sankofa.org.v1.webhook_pb2_grpc import add_WebhookServiceServicer_to_server
from services.org.callers import Callers
from services.org.webhooks.core import Webhooks
from services.org.webhooks.deliverer import Deliverer
from services.org.webhooks.sending import SECRET_USE, Sender
from services.org.webhooks.service import WebhookServicer
from storage.records.webhooks import DeliveryRecords, WebhookRecords


def build_webhooks(
    *,
    stack: AsyncExitStack,
    callers: Callers,
    records: WebhookRecords,
    cursors: DeliveryRecords,
    egress: Egress,
    secret: bytes,
    every_s: float,
) -> Service:
    """Wires the service and starts the deliverer. `secret`: what the keyring derives its keys from."""
    sender = Sender(egress=egress, keyring=Keyring(secret, SECRET_USE))
    deliverer = Deliverer(records=cursors, sender=sender, every_s=every_s)
    background(deliverer.run(), name="audit webhooks", stack=stack)
    webhooks = Webhooks(callers=callers, records=records, sender=sender)
    return Service(
        add_WebhookServiceServicer_to_server,
        WebhookServicer(webhooks=webhooks),
        webhook_pb2.DESCRIPTOR.services_by_name["WebhookService"],
    )

"""Audit webhooks: what an organisation's log says, sent to addresses that its Owners set.

What lives here: who may. What does not: how rows are sent (mesh/webhooks), the log, and the way out of the
mesh (mesh/egress).
"""

from __future__ import annotations

from contextlib import AsyncExitStack

from mesh.permissions import OrgAction
from mesh.server import Service
from mesh.webhooks import WayOut, start_webhooks
from mesh.webhooks.payload import Payload
from sankofa.org.v1 import webhook_pb2
from sankofa.org.v1.webhook_pb2_grpc import add_WebhookServiceServicer_to_server
from services.org.callers import Callers
from storage.records.audit.public import row_json
from storage.records.records import Deliveries


class Owners:
    """A WebhookGate: asked of the records at each request, whatever is changed."""

    def __init__(self, callers: Callers) -> None:
        self._callers = callers

    async def manager(self, token: str | None, scope: str, *, mutation: bool) -> None:
        """As WebhookGate says."""
        await self._callers.member(token, scope, OrgAction.MANAGE_WEBHOOKS)


def build_webhooks(
    *, stack: AsyncExitStack, callers: Callers, deliveries: Deliveries, way: WayOut
) -> Service:
    """Wires the service and starts the deliverer."""
    handlers = start_webhooks(
        stack=stack,
        gate=Owners(callers),
        records=deliveries.webhooks,
        cursors=deliveries.cursors,
        payload=Payload("org_id", row_json),
        way=way,
        messages=webhook_pb2,
    )
    descriptor = webhook_pb2.DESCRIPTOR.services_by_name["WebhookService"]
    return Service(add_WebhookServiceServicer_to_server, handlers, descriptor)

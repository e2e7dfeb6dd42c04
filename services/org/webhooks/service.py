"""WebhookService on the wire: parse, call, convert."""

from __future__ import annotations

from typing import Final

from mesh.context import current
from mesh.errors import InvalidInput
from sankofa.org.v1 import webhook_pb2 as pb
from sankofa.org.v1.webhook_pb2_grpc import WebhookServiceServicer
from services.org.webhooks.core import Webhooks
from services.org.webhooks.signing import delivery_id
from storage.records.webhooks import Backlog, DeadLetter

_PAUSED: Final = {
    pb.WebhookState.WEBHOOK_STATE_UNSPECIFIED: None,
    pb.WebhookState.WEBHOOK_STATE_ACTIVE: False,
    pb.WebhookState.WEBHOOK_STATE_PAUSED: True,
}


class WebhookServicer(WebhookServiceServicer):
    """Handlers of one region."""

    def __init__(self, *, webhooks: Webhooks) -> None:
        self._webhooks = webhooks

    async def CreateWebhook(
        self, request: pb.CreateWebhookRequest, context: object
    ) -> pb.CreateWebhookResponse:
        """With its secret."""
        made, secret = await self._webhooks.create(current().token, request.org_id, request.url)
        return pb.CreateWebhookResponse(webhook=_webhook(made), secret=secret)

    async def ListWebhooks(self, request: pb.ListWebhooksRequest, context: object) -> pb.ListWebhooksResponse:
        """All of them."""
        found = await self._webhooks.every(current().token, request.org_id)
        return pb.ListWebhooksResponse(webhooks=[_webhook(each) for each in found])

    async def GetWebhook(self, request: pb.GetWebhookRequest, context: object) -> pb.GetWebhookResponse:
        """One."""
        found = await self._webhooks.one(current().token, request.org_id, request.webhook_id)
        return pb.GetWebhookResponse(webhook=_webhook(found))

    async def UpdateWebhook(
        self, request: pb.UpdateWebhookRequest, context: object
    ) -> pb.UpdateWebhookResponse:
        """Changed."""
        if request.state not in _PAUSED:
            raise InvalidInput(detail="state is active or paused")
        changed = await self._webhooks.change(
            current().token,
            request.org_id,
            request.webhook_id,
            url=request.url if request.HasField("url") else None,
            paused=_PAUSED[request.state],
        )
        return pb.UpdateWebhookResponse(webhook=_webhook(changed))

    async def DeleteWebhook(
        self, request: pb.DeleteWebhookRequest, context: object
    ) -> pb.DeleteWebhookResponse:
        """Gone."""
        await self._webhooks.remove(current().token, request.org_id, request.webhook_id)
        return pb.DeleteWebhookResponse()

    async def TestWebhook(self, request: pb.TestWebhookRequest, context: object) -> pb.TestWebhookResponse:
        """How it went."""
        outcome = await self._webhooks.test(current().token, request.org_id, request.webhook_id)
        return pb.TestWebhookResponse(delivered=outcome.taken, status=outcome.status, error=outcome.error)

    async def ListDeadLetters(
        self, request: pb.ListDeadLettersRequest, context: object
    ) -> pb.ListDeadLettersResponse:
        """A page."""
        letters = await self._webhooks.dead_letters(
            current().token,
            request.org_id,
            request.webhook_id,
            after_seq=request.after_seq,
            limit=request.limit,
        )
        return pb.ListDeadLettersResponse(
            dead_letters=[_letter(request.webhook_id, letter) for letter in letters]
        )

    async def ReplayDeadLetters(
        self, request: pb.ReplayDeadLettersRequest, context: object
    ) -> pb.ReplayDeadLettersResponse:
        """On their way."""
        replaying = await self._webhooks.replay(
            current().token, request.org_id, request.webhook_id, request.delivery_ids
        )
        return pb.ReplayDeadLettersResponse(replaying=replaying)


def _webhook(backlog: Backlog) -> pb.Webhook:
    webhook = backlog.webhook
    paused = pb.WebhookState.WEBHOOK_STATE_PAUSED
    return pb.Webhook(
        webhook_id=webhook.webhook_id,
        url=webhook.url,
        state=paused if webhook.paused else pb.WebhookState.WEBHOOK_STATE_ACTIVE,
        created_at_unix_ms=webhook.created_at_ms,
        waiting=backlog.waiting,
        dead_letters=backlog.dead_letters,
        failures=webhook.failures,
        next_attempt_at_unix_ms=webhook.next_attempt_at_ms,
        last_error=webhook.last_error,
        delivered_at_unix_ms=webhook.delivered_at_ms,
    )


def _letter(webhook_id: str, letter: DeadLetter) -> pb.DeadLetter:
    return pb.DeadLetter(
        delivery_id=delivery_id(webhook_id, letter.seq),
        seq=letter.seq,
        error=letter.error,
        failed_at_unix_ms=letter.failed_at_ms,
        replaying=letter.replaying,
    )

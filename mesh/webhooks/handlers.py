"""Webhooks on the wire: parse, call, convert; for the WebhookService of organisations and of projects.

The two differ in their planes and in the field that names whose log it is. Their messages have the same
names, each service's in its own package, so that one class serves both.
"""

from __future__ import annotations

from typing import Any, Final

from mesh.context import current
from mesh.errors import InvalidInput
from mesh.webhooks.core import Webhooks
from mesh.webhooks.records import Backlog, DeadLetter
from mesh.webhooks.signing import delivery_id
from sankofa.org.v1 import webhook_pb2 as pb

_PAUSED: Final = {
    pb.WebhookState.WEBHOOK_STATE_UNSPECIFIED: None,
    pb.WebhookState.WEBHOOK_STATE_ACTIVE: False,
    pb.WebhookState.WEBHOOK_STATE_PAUSED: True,
}


class WebhookHandlers:
    """Handlers of one service: `messages` is the module of its requests and answers, `whose` the field of
    each request that names the scope, "org_id". No type says that of two modules: hence `Any`.
    """

    def __init__(self, *, webhooks: Webhooks, messages: Any, whose: str) -> None:
        self._webhooks = webhooks
        self._messages = messages
        self._whose = whose

    async def CreateWebhook(self, request: Any, context: object) -> Any:
        """With its secret."""
        made, secret = await self._webhooks.create(*self._asked(request), request.url)
        return self._messages.CreateWebhookResponse(webhook=_webhook(made), secret=secret)

    async def ListWebhooks(self, request: Any, context: object) -> Any:
        """All of them."""
        found = await self._webhooks.every(*self._asked(request))
        return self._messages.ListWebhooksResponse(webhooks=[_webhook(each) for each in found])

    async def GetWebhook(self, request: Any, context: object) -> Any:
        """One."""
        found = await self._webhooks.one(*self._asked(request), request.webhook_id)
        return self._messages.GetWebhookResponse(webhook=_webhook(found))

    async def UpdateWebhook(self, request: Any, context: object) -> Any:
        """Changed."""
        if request.state not in _PAUSED:
            raise InvalidInput(detail="state is active or paused")
        url, paused = request.url if request.HasField("url") else None, _PAUSED[request.state]
        asked = self._asked(request)
        changed = await self._webhooks.change(*asked, request.webhook_id, url=url, paused=paused)
        return self._messages.UpdateWebhookResponse(webhook=_webhook(changed))

    async def DeleteWebhook(self, request: Any, context: object) -> Any:
        """Gone."""
        await self._webhooks.remove(*self._asked(request), request.webhook_id)
        return self._messages.DeleteWebhookResponse()

    async def TestWebhook(self, request: Any, context: object) -> Any:
        """How it went."""
        outcome = await self._webhooks.test(*self._asked(request), request.webhook_id)
        told = {"delivered": outcome.taken, "status": outcome.status, "error": outcome.error}
        return self._messages.TestWebhookResponse(**told)

    async def ListDeadLetters(self, request: Any, context: object) -> Any:
        """A page."""
        webhook_id, page = request.webhook_id, {"after_seq": request.after_seq, "limit": request.limit}
        letters = await self._webhooks.dead_letters(*self._asked(request), webhook_id, **page)
        found = [_letter(webhook_id, letter) for letter in letters]
        return self._messages.ListDeadLettersResponse(dead_letters=found)

    async def ReplayDeadLetters(self, request: Any, context: object) -> Any:
        """On their way."""
        named = request.delivery_ids
        replaying = await self._webhooks.replay(*self._asked(request), request.webhook_id, named)
        return self._messages.ReplayDeadLettersResponse(replaying=replaying)

    def _asked(self, request: Any) -> tuple[str | None, str]:
        return current().token, getattr(request, self._whose)


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

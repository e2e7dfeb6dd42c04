"""Audit webhooks: thin routes that ask an organisation's primary region, or the project's own cell."""

from __future__ import annotations

from typing import Final, Literal

import msgspec
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from mesh.errors import InvalidInput
from sankofa.org.v1.webhook_pb2 import DeadLetter, Webhook, WebhookState
from services.rest.cells import Cells
from services.rest.queries import limit_of
from services.rest.render import Json, optional_timestamp, timestamp
from services.rest.routing import bearer, read_json, reply, resource
from services.rest.scopes import Answerer, Answerers, Scope, Scoped

_STATES: Final = {
    "active": WebhookState.WEBHOOK_STATE_ACTIVE,
    "paused": WebhookState.WEBHOOK_STATE_PAUSED,
}
_LONGEST_NUMBER: Final = 18


class NewWebhook(Scoped, kw_only=True):
    """POST /api/v1/audit/webhooks."""

    url: str


class WebhookChange(msgspec.Struct):
    """PATCH /api/v1/audit/webhooks/{webhook_id}."""

    url: str | msgspec.UnsetType = msgspec.UNSET
    state: Literal["active", "paused"] | msgspec.UnsetType = msgspec.UNSET


class Replay(msgspec.Struct):
    """POST /api/v1/audit/webhooks/{webhook_id}/replay. Empty: all."""

    delivery_ids: list[str] = []


class Webhooks:
    """Where an audit log is sent."""

    def __init__(self, *, cells: Cells, answerers: Answerers) -> None:
        self._cells = cells
        self._answerers = answerers

    def routes(self) -> list[Route]:
        """Every route of webhooks."""
        webhooks = "/api/v1/audit/webhooks"
        one = f"{webhooks}/{{webhook_id}}"
        return [
            resource(webhooks, GET=self.list_webhooks, POST=self.create_webhook),
            resource(one, GET=self.get_webhook, PATCH=self.change_webhook, DELETE=self.delete_webhook),
            resource(f"{one}/test", POST=self.test_webhook),
            resource(f"{one}/dead-letters", GET=self.list_dead_letters),
            resource(f"{one}/replay", POST=self.replay),
        ]

    async def create_webhook(self, http: HttpRequest) -> Response:
        """A new one, its secret shown this once."""
        token, body = bearer(http), await read_json(http, NewWebhook)
        asked = await self._answerers.webhooks(token, Scope.sent(body))
        request = asked.request("CreateWebhookRequest", url=body.url)
        made = await self._cells.call(asked.stub.CreateWebhook, request, token=token)
        return reply({"ok": True, "webhook": _webhook(made.webhook), "secret": made.secret}, status=201)

    async def list_webhooks(self, http: HttpRequest) -> Response:
        """All of them."""
        token, asked = await self._asked(http)
        request = asked.request("ListWebhooksRequest")
        found = await self._cells.call(asked.stub.ListWebhooks, request, token=token)
        return reply({"ok": True, "webhooks": [_webhook(each) for each in found.webhooks]})

    async def get_webhook(self, http: HttpRequest) -> Response:
        """One."""
        token, asked = await self._asked(http)
        request = asked.request("GetWebhookRequest", **_named(http))
        found = await self._cells.call(asked.stub.GetWebhook, request, token=token)
        return reply({"ok": True, "webhook": _webhook(found.webhook)})

    async def change_webhook(self, http: HttpRequest) -> Response:
        """Another address, a pause or its end."""
        bearer(http)
        change = await read_json(http, WebhookChange)
        if change.url is msgspec.UNSET and change.state is msgspec.UNSET:
            raise InvalidInput(detail="url and state can be changed")
        token, asked = await self._asked(http)
        request = asked.request("UpdateWebhookRequest", **_named(http))
        if change.url is not msgspec.UNSET:
            request.url = change.url
        if change.state is not msgspec.UNSET:
            request.state = _STATES[change.state]
        changed = await self._cells.call(asked.stub.UpdateWebhook, request, token=token)
        return reply({"ok": True, "webhook": _webhook(changed.webhook)})

    async def delete_webhook(self, http: HttpRequest) -> Response:
        """Ends it."""
        token, asked = await self._asked(http)
        request = asked.request("DeleteWebhookRequest", **_named(http))
        await self._cells.call(asked.stub.DeleteWebhook, request, token=token)
        return reply({"ok": True})

    async def test_webhook(self, http: HttpRequest) -> Response:
        """Sends it a trial."""
        token, asked = await self._asked(http)
        request = asked.request("TestWebhookRequest", **_named(http))
        outcome = await self._cells.call(asked.stub.TestWebhook, request, token=token)
        told = {"delivered": outcome.delivered, "status": outcome.status or None}
        return reply({"ok": True, **told, "error": outcome.error or None})

    async def list_dead_letters(self, http: HttpRequest) -> Response:
        """A page of rows that were given up."""
        page = {"after_seq": _after(http), "limit": limit_of(http)}
        token, asked = await self._asked(http)
        request = asked.request("ListDeadLettersRequest", **_named(http), **page)
        found = await self._cells.call(asked.stub.ListDeadLetters, request, token=token)
        letters = found.dead_letters
        more = str(letters[-1].seq) if len(letters) == page["limit"] else None
        return reply({"ok": True, "dead_letters": [_letter(each) for each in letters], "next_cursor": more})

    async def replay(self, http: HttpRequest) -> Response:
        """Has them sent again."""
        bearer(http)
        body = await read_json(http, Replay)
        token, asked = await self._asked(http)
        request = asked.request("ReplayDeadLettersRequest", **_named(http), delivery_ids=body.delivery_ids)
        answer = await self._cells.call(asked.stub.ReplayDeadLetters, request, token=token)
        return reply({"ok": True, "replaying": answer.replaying}, status=202)

    async def _asked(self, http: HttpRequest) -> tuple[str, Answerer]:
        """The token, and who answers for the log that the query names."""
        token = bearer(http)
        return token, await self._answerers.webhooks(token, Scope.named(http))


def _named(http: HttpRequest) -> dict[str, str]:
    return {"webhook_id": http.path_params["webhook_id"]}


def _after(http: HttpRequest) -> int:
    cursor = http.query_params.get("cursor", "0")
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= _LONGEST_NUMBER):
        raise InvalidInput(detail="cursor is the next_cursor of the page before")
    return int(cursor)


def _webhook(message: Webhook) -> Json:
    return {
        "id": message.webhook_id,
        "url": message.url,
        "state": WebhookState.Name(message.state).removeprefix("WEBHOOK_STATE_").lower(),
        "created_at": timestamp(message.created_at_unix_ms),
        "waiting": message.waiting,
        "dead_letters": message.dead_letters,
        "failures": message.failures,
        "next_attempt_at": optional_timestamp(message.next_attempt_at_unix_ms),
        "last_error": message.last_error or None,
        "delivered_at": optional_timestamp(message.delivered_at_unix_ms),
    }


def _letter(message: DeadLetter) -> Json:
    return {
        "delivery_id": message.delivery_id,
        "seq": message.seq,
        "error": message.error,
        "failed_at": timestamp(message.failed_at_unix_ms),
        "replaying": message.replaying,
    }

"""Audit webhooks: thin routes that ask the primary region of the organisation."""

from __future__ import annotations

from typing import Final, Literal

import msgspec
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from mesh.errors import InvalidInput
from sankofa.org.v1.webhook_pb2 import (
    CreateWebhookRequest,
    DeadLetter,
    DeleteWebhookRequest,
    GetWebhookRequest,
    ListDeadLettersRequest,
    ListWebhooksRequest,
    ReplayDeadLettersRequest,
    TestWebhookRequest,
    UpdateWebhookRequest,
    Webhook,
    WebhookState,
)
from sankofa.org.v1.webhook_pb2_grpc import WebhookServiceStub
from services.rest.cells import Cells
from services.rest.primaries import Primaries
from services.rest.queries import limit_of
from services.rest.render import Json, optional_timestamp, timestamp
from services.rest.routing import bearer, org_named, read_json, reply, resource

_STATES: Final = {
    "active": WebhookState.WEBHOOK_STATE_ACTIVE,
    "paused": WebhookState.WEBHOOK_STATE_PAUSED,
}
_LONGEST_NUMBER: Final = 18


class NewWebhook(msgspec.Struct):
    """POST /api/v1/audit/webhooks."""

    org_id: str
    url: str


class WebhookChange(msgspec.Struct):
    """PATCH /api/v1/audit/webhooks/{webhook_id}."""

    url: str | msgspec.UnsetType = msgspec.UNSET
    state: Literal["active", "paused"] | msgspec.UnsetType = msgspec.UNSET


class Replay(msgspec.Struct):
    """POST /api/v1/audit/webhooks/{webhook_id}/replay. Empty: all."""

    delivery_ids: list[str] = []


class Webhooks:
    """Where an organisation's audit log is sent."""

    def __init__(self, *, cells: Cells, primaries: Primaries) -> None:
        self._cells = cells
        self._primaries = primaries

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
        stub = await self._stub(token, body.org_id)
        request = CreateWebhookRequest(org_id=body.org_id, url=body.url)
        made = await self._cells.call(stub.CreateWebhook, request, token=token)
        return reply({"ok": True, "webhook": _webhook(made.webhook), "secret": made.secret}, status=201)

    async def list_webhooks(self, http: HttpRequest) -> Response:
        """All of them."""
        token, org_id = bearer(http), org_named(http)
        stub = await self._stub(token, org_id)
        found = await self._cells.call(stub.ListWebhooks, ListWebhooksRequest(org_id=org_id), token=token)
        return reply({"ok": True, "webhooks": [_webhook(each) for each in found.webhooks]})

    async def get_webhook(self, http: HttpRequest) -> Response:
        """One."""
        token, named = bearer(http), _named(http)
        stub = await self._stub(token, named["org_id"])
        found = await self._cells.call(stub.GetWebhook, GetWebhookRequest(**named), token=token)
        return reply({"ok": True, "webhook": _webhook(found.webhook)})

    async def change_webhook(self, http: HttpRequest) -> Response:
        """Another address, a pause or its end."""
        token, named = bearer(http), _named(http)
        change = await read_json(http, WebhookChange)
        if change.url is msgspec.UNSET and change.state is msgspec.UNSET:
            raise InvalidInput(detail="url and state can be changed")
        stub = await self._stub(token, named["org_id"])
        request = UpdateWebhookRequest(**named)
        if change.url is not msgspec.UNSET:
            request.url = change.url
        if change.state is not msgspec.UNSET:
            request.state = _STATES[change.state]
        changed = await self._cells.call(stub.UpdateWebhook, request, token=token)
        return reply({"ok": True, "webhook": _webhook(changed.webhook)})

    async def delete_webhook(self, http: HttpRequest) -> Response:
        """Ends it."""
        token, named = bearer(http), _named(http)
        stub = await self._stub(token, named["org_id"])
        await self._cells.call(stub.DeleteWebhook, DeleteWebhookRequest(**named), token=token)
        return reply({"ok": True})

    async def test_webhook(self, http: HttpRequest) -> Response:
        """Sends it a trial."""
        token, named = bearer(http), _named(http)
        stub = await self._stub(token, named["org_id"])
        outcome = await self._cells.call(stub.TestWebhook, TestWebhookRequest(**named), token=token)
        told = {"delivered": outcome.delivered, "status": outcome.status or None}
        return reply({"ok": True, **told, "error": outcome.error or None})

    async def list_dead_letters(self, http: HttpRequest) -> Response:
        """A page of rows that were given up."""
        token, named, limit = bearer(http), _named(http), limit_of(http)
        stub = await self._stub(token, named["org_id"])
        request = ListDeadLettersRequest(**named, after_seq=_after(http), limit=limit)
        found = await self._cells.call(stub.ListDeadLetters, request, token=token)
        letters = found.dead_letters
        more = str(letters[-1].seq) if len(letters) == limit else None
        return reply({"ok": True, "dead_letters": [_letter(each) for each in letters], "next_cursor": more})

    async def replay(self, http: HttpRequest) -> Response:
        """Has them sent again."""
        token, named, body = bearer(http), _named(http), await read_json(http, Replay)
        stub = await self._stub(token, named["org_id"])
        request = ReplayDeadLettersRequest(**named, delivery_ids=body.delivery_ids)
        answer = await self._cells.call(stub.ReplayDeadLetters, request, token=token)
        return reply({"ok": True, "replaying": answer.replaying}, status=202)

    async def _stub(self, token: str, org_id: str) -> WebhookServiceStub:
        return await self._cells.webhooks(await self._primaries.of(token, org_id))


def _named(http: HttpRequest) -> dict[str, str]:
    return {"org_id": org_named(http), "webhook_id": http.path_params["webhook_id"]}


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

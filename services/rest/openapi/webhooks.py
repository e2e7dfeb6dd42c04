"""Audit webhooks, in the document."""

from __future__ import annotations

from typing import Any, Final

from services.rest.openapi.area import DONE, MANAGED, Area, Body, operation, path
from services.rest.openapi.audit import ONE_SCOPE, SCOPE, SCOPED
from services.rest.openapi.shapes import (
    AT,
    MOMENT,
    NUMBER,
    OPTIONAL_MOMENT,
    OPTIONAL_TEXT,
    ORG_ID,
    TEXT,
    Json,
    an_object,
    in_path,
    list_of,
    ok,
    ref,
)

_TAG: Final = "Audit webhooks"
_AT: Final = "/api/v1/audit/webhooks"
_ONE: Final = f"{_AT}/{{webhook_id}}"
_WHO: Final = "Owners, and the Admins of a project"
_ID: Final = "whk_4Zx8Kq1LmN0pQrStUvWx"
_DELIVERY: Final = "dlv_4Zx8Kq1LmN0pQrStUvWx_42"
_HOOK: Final = "https://hooks.example.com/sankofa"
_URL: Final[Json] = {
    "type": "string",
    "maxLength": 2048,
    "description": "https://host/path, without a user, a password or a #fragment. A host with an address "
    "that is not public is refused, now and at each delivery.",
}
_STATE: Final[Json] = {
    "type": "string",
    "enum": ["active", "paused"],
    "description": "`paused` sends nothing; `active` goes on where it stopped, at once.",
}
_WEBHOOK: Final = {
    "id": _ID,
    "url": _HOOK,
    "state": "active",
    "created_at": AT,
    "waiting": 0,
    "dead_letters": 0,
    "failures": 0,
    "next_attempt_at": None,
    "last_error": None,
    "delivered_at": AT,
}
_SCHEMAS: Final[Json] = {
    "Webhook": an_object(
        {
            "id": TEXT,
            "url": TEXT,
            "state": _STATE,
            "created_at": MOMENT,
            "waiting": {**NUMBER, "description": "Rows that are yet to be sent."},
            "dead_letters": {**NUMBER, "description": "Rows that were given up after 24 hours."},
            "failures": {**NUMBER, "description": "Failed attempts since the last row that was taken."},
            "next_attempt_at": OPTIONAL_MOMENT,
            "last_error": OPTIONAL_TEXT,
            "delivered_at": OPTIONAL_MOMENT,
        }
    ),
    "DeadLetter": an_object(
        {
            "delivery_id": TEXT,
            "seq": {**NUMBER, "description": "The row's number in the audit log."},
            "error": TEXT,
            "failed_at": MOMENT,
            "replaying": {"type": "boolean"},
        }
    ),
}
_LETTER: Final = {
    "delivery_id": _DELIVERY,
    "seq": 42,
    "error": "it answered 500",
    "failed_at": AT,
    "replaying": False,
}


def _one(**changed: Any) -> Body:
    return Body(ok(webhook=ref("Webhook")), {"ok": True, "webhook": _WEBHOOK | changed})


AREA: Final = Area(
    _TAG,
    {
        _AT: {
            "get": operation(
                _TAG,
                "listWebhooks",
                f"List the addresses that the audit log is sent to. {_WHO}",
                Body(ok(webhooks=list_of(ref("Webhook"))), {"ok": True, "webhooks": [_WEBHOOK]}),
                query=SCOPE,
            ),
            "post": operation(
                _TAG,
                "createWebhook",
                f"Send the audit log to an address, from now on: each row as JSON, signed. {_WHO}",
                Body(
                    ok(webhook=ref("Webhook"), secret=TEXT),
                    {
                        "ok": True,
                        "webhook": _WEBHOOK | {"delivered_at": None},
                        "secret": f"whsec_{'0f' * 32}",
                    },
                ),
                status=201,
                body=Body(
                    an_object({**SCOPED, "url": _URL}, optional=tuple(SCOPED)) | ONE_SCOPE,
                    {"org_id": ORG_ID, "url": _HOOK},
                ),
                errors=(*MANAGED, 409),
                done="The secret is shown this once.",
            ),
        },
        _ONE: {
            "parameters": path("webhook_id"),
            "get": operation(_TAG, "getWebhook", f"Read a webhook. {_WHO}", _one(), query=SCOPE),
            "patch": operation(
                _TAG,
                "changeWebhook",
                f"Change its address, pause it, let it go on. {_WHO}",
                _one(state="paused"),
                body=Body(
                    an_object({"url": _URL, "state": _STATE}, optional=("url", "state")),
                    {"state": "paused"},
                ),
                query=SCOPE,
            ),
            "delete": operation(
                _TAG, "deleteWebhook", f"End it, with its dead letters. {_WHO}", DONE, query=SCOPE
            ),
        },
        f"{_ONE}/test": {
            "parameters": path("webhook_id"),
            "post": operation(
                _TAG,
                "testWebhook",
                f"Send it a signed request without a row, and see what comes back. {_WHO}",
                Body(
                    ok(
                        delivered={"type": "boolean"},
                        status={"type": ["integer", "null"]},
                        error=OPTIONAL_TEXT,
                    ),
                    {"ok": True, "delivered": True, "status": 204, "error": None},
                ),
                query=SCOPE,
            ),
        },
        f"{_ONE}/dead-letters": {
            "parameters": path("webhook_id"),
            "get": operation(
                _TAG,
                "listDeadLetters",
                f"List rows that were given up, oldest first. {_WHO}",
                Body(
                    ok(dead_letters=list_of(ref("DeadLetter")), next_cursor=OPTIONAL_TEXT),
                    {"ok": True, "dead_letters": [_LETTER], "next_cursor": None},
                ),
                query=(*SCOPE, "limit", "cursor"),
            ),
        },
        f"{_ONE}/replay": {
            "parameters": path("webhook_id"),
            "post": operation(
                _TAG,
                "replayDeadLetters",
                f"Send rows that were given up again, with the same delivery ids. {_WHO}",
                Body(ok(replaying=NUMBER), {"ok": True, "replaying": 1}),
                status=202,
                body=Body(
                    an_object(
                        {
                            "delivery_ids": {
                                **list_of(TEXT),
                                "maxItems": 1000,
                                "description": "Of this webhook's dead letters; none named: all of them.",
                            }
                        },
                        optional=("delivery_ids",),
                    ),
                    {"delivery_ids": [_DELIVERY]},
                ),
                query=SCOPE,
            ),
        },
    },
    schemas=_SCHEMAS,
    parameters={"path_webhook_id": in_path("webhook_id", "A webhook of the organisation or of the project.")},
)

"""API tokens of a project in the document."""

from __future__ import annotations

from typing import Final

from mesh.api_tokens import DEFAULT_DAYS, MOST_DAYS
from services.rest.openapi.area import DONE, MANAGED, Area, Body, operation, path
from services.rest.openapi.shapes import (
    AT,
    MOMENT,
    OPTIONAL_MOMENT,
    OPTIONAL_TEXT,
    SHORT_NAME,
    TEXT,
    Json,
    an_object,
    in_path,
    list_of,
    ok,
    ref,
)

_TAG: Final = "API tokens"
_AT: Final = "/api/v1/projects/{project_id}/tokens"
_ROLE: Final[Json] = {"type": "string", "enum": ["viewer", "editor", "admin"]}
_TOKEN: Final = {
    "id": "tok_4Zx8Kq1LmN0pQrStUvWx",
    "name": "Nightly report",
    "role": "viewer",
    "created_by": {"id": "usr_1", "email": "ada@example.com"},
    "created_at": AT,
    "expires_at": "2026-08-07T14:32:01.482Z",
    "last_used_at": AT,
    "revoked_at": None,
}
_NEW: Final = {
    **_TOKEN,
    "created_by": {"id": "usr_1", "email": None},
    "last_used_at": None,
    "secret": "sat_0123456789ABCDEFGHIJabcdefghij0123456789",
}
_SHAPE: Final[Json] = {
    "id": TEXT,
    "name": TEXT,
    "role": _ROLE,
    "created_by": an_object(
        {
            "id": TEXT,
            "email": {
                **OPTIONAL_TEXT,
                "description": "Null where the organisation's primary region is away or does not know them "
                "any more, and in the answer that mints.",
            },
        }
    ),
    "created_at": MOMENT,
    "expires_at": MOMENT,
    "last_used_at": {**OPTIONAL_MOMENT, "description": "To within ten minutes; null: never."},
    "revoked_at": OPTIONAL_MOMENT,
}

AREA: Final = Area(
    _TAG,
    {
        _AT: {
            "parameters": path("project_id"),
            "get": operation(
                _TAG,
                "listApiTokens",
                "List a project's API tokens, also those that ended in the last 90 days",
                Body(ok(tokens=list_of(ref("ApiToken"))), {"ok": True, "tokens": [_TOKEN]}),
            ),
            "post": operation(
                _TAG,
                "mintApiToken",
                "Mint an API token for a machine, its secret shown this once",
                Body(ok(token=ref("MintedApiToken")), {"ok": True, "token": _NEW}),
                status=201,
                body=Body(
                    an_object(
                        {
                            "name": SHORT_NAME,
                            "role": {**_ROLE, "description": "What it may do in this project."},
                            "expires_in_days": {
                                "type": "integer",
                                "minimum": 1,
                                "maximum": MOST_DAYS,
                                "default": DEFAULT_DAYS,
                            },
                        },
                        optional=("expires_in_days",),
                    ),
                    {"name": "Nightly report", "role": "viewer", "expires_in_days": 90},
                ),
                errors=(*MANAGED, 409),
            ),
        },
        f"{_AT}/{{token_id}}": {
            "parameters": path("project_id", "token_id"),
            "delete": operation(_TAG, "revokeApiToken", "Revoke an API token", DONE),
        },
    },
    schemas={
        "ApiToken": an_object(_SHAPE),
        "MintedApiToken": an_object(
            {
                **_SHAPE,
                "secret": {**TEXT, "pattern": "^sat_[0-9A-Za-z]{40}$", "description": "Shown this once."},
            }
        ),
    },
    parameters={"path_token_id": in_path("token_id", "An API token of the project.")},
)

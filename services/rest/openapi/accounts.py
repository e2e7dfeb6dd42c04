"""Accounts in the document."""

from __future__ import annotations

from typing import Final

from services.rest.openapi.area import OPEN, Area, Body, operation
from services.rest.openapi.shapes import (
    EMAIL,
    OPTIONAL_TEXT,
    ORG_ID,
    SHORT_NAME,
    TEXT,
    Json,
    an_object,
    list_of,
    ok,
    ref,
)

_TAG: Final = "Accounts"
_OK: Final[Json] = ok()["properties"]
_PASSWORD: Final[Json] = {"type": "string", "minLength": 8, "maxLength": 1024}
_CODE: Final[Json] = {
    **OPTIONAL_TEXT,
    "description": "Where the account has a second factor: of the authenticator app, or a recovery code. "
    "Without it the answer to the right password is 401 `second_factor_required: …`.",
}
_SESSION: Final = Body(
    ref("Session"),
    {
        "ok": True,
        "token": "eyJhbGciOiJFZERTQSJ9.e30.c2ln",
        "refresh_token": "rt.eu-west-1.ses_1.0.c2VjcmV0",
        "user": {"id": "usr_1", "email": "ada@example.com", "home_region": "eu-west-1"},
        "orgs": [
            {"id": ORG_ID, "name": "Shop", "plan": "hobby", "primary_region": "eu-west-1", "role": "owner"}
        ],
    },
)

AREA: Final = Area(
    _TAG,
    {
        "/api/v1/auth/signup": {
            "post": operation(
                _TAG,
                "signup",
                "Create an account and its organisation",
                _SESSION,
                security=OPEN,
                errors=(400, 409, 429, 503),
                status=201,
                body=Body(
                    an_object(
                        {
                            "email": EMAIL,
                            "password": _PASSWORD,
                            "org_name": SHORT_NAME,
                            "primary_region": OPTIONAL_TEXT,
                        },
                        optional=("primary_region",),
                    ),
                    {"email": "ada@example.com", "password": "correct horse", "org_name": "Shop"},
                ),
            )
        },
        "/api/v1/auth/login": {
            "post": operation(
                _TAG,
                "login",
                "Get a token; an account with a second factor also shows a code",
                _SESSION,
                security=OPEN,
                errors=(400, 401, 429, 503),
                body=Body(
                    an_object({"email": TEXT, "password": TEXT, "code": _CODE}, optional=("code",)),
                    {"email": "ada@example.com", "password": "correct horse"},
                ),
            )
        },
    },
    schemas={
        "User": an_object({"id": TEXT, "email": TEXT, "home_region": TEXT}),
        "Org": an_object(
            {
                "id": TEXT,
                "name": TEXT,
                "plan": TEXT,
                "primary_region": TEXT,
                "role": {"type": "string", "enum": ["member", "admin", "owner"]},
            }
        ),
        "Session": an_object(
            {
                **_OK,
                "token": TEXT,
                "refresh_token": TEXT,
                "user": ref("User"),
                "orgs": list_of(ref("Org")),
                "unreachable_regions": {
                    **list_of(TEXT),
                    "description": "Only where there are any: regions that could not be asked.",
                },
            },
            optional=("unreachable_regions",),
        ),
    },
)

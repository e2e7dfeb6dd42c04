"""Single sign-on in the document."""

from __future__ import annotations

from typing import Final

from services.rest.openapi.area import DONE, MANAGED, OPEN, Area, Body, answered, operation
from services.rest.openapi.shapes import (
    OPTIONAL_TEXT,
    ORG_ID,
    TEXT,
    Json,
    an_object,
    in_query,
    list_of,
    ok,
    ref,
)

_TAG: Final = "Single sign-on"
_ROLE: Final[Json] = {
    "type": "string",
    "enum": ["member", "admin"],
    "description": "Of who comes for the first time.",
}
_SHORT: Final[Json] = {"type": "string", "minLength": 1, "maxLength": 255}
_SENT: Final[Json] = {**TEXT, "minLength": 1}
_FIELDS: Final[Json] = {
    "issuer": {"type": "string", "maxLength": 2048, "description": "https, exactly as in its id tokens."},
    "client_id": _SHORT,
    "client_secret_name": {
        **_SHORT,
        "description": "Of a file that the region's operator has put into the organisation's secrets.",
    },
    "default_role": _ROLE,
    "allowed_domains": {
        "type": "array",
        "items": _SHORT,
        "minItems": 1,
        "maxItems": 100,
        "description": "E-mail domains that the provider may vouch for.",
    },
    "required": {
        "type": "boolean",
        "description": "Nobody but an Owner uses the organisation with a password.",
    },
}
_SET: Final[Json] = {
    "issuer": "https://login.example.com",
    "client_id": "sankofa",
    "client_secret_name": "oidc-client-secret",
    "default_role": "member",
    "allowed_domains": ["example.com"],
    "required": False,
}
_SETTINGS: Final = Body(
    ref("Sso"),
    {"ok": True, **_SET, "redirect_uri": "https://eu-west-1.example.com/api/v1/auth/sso/callback"},
)
_URL: Final = "https://login.example.com/authorize?client_id=sankofa&response_type=code&state=org_1.s"
_BEGUN: Final = Body(ok(url=TEXT), {"ok": True, "url": _URL})
_RETURN: Final[Json] = {
    **TEXT,
    "maxLength": 2048,
    "pattern": r"^(/([ -.0-\[\]-~][ -~]*)?)?$",
    "description": "A path of the caller's own site, told back at the end: begins with one /.",
}

AREA: Final = Area(
    _TAG,
    {
        "/api/v1/sso": {
            "get": operation(
                _TAG,
                "getSso",
                "Say what is set, and the redirect URI to register",
                _SETTINGS,
                query=("org_id",),
            ),
            "put": operation(
                _TAG,
                "putSso",
                "Set single sign-on, once the provider has shown that it can be used",
                _SETTINGS,
                body=Body(an_object(_FIELDS, optional=("default_role", "required")), _SET),
                query=("org_id",),
            ),
            "delete": operation(_TAG, "deleteSso", "End single sign-on", DONE, query=("org_id",)),
        },
        "/api/v1/sso/link": {
            "post": operation(
                _TAG,
                "linkSso",
                "Bind the provider's person to the account of the caller, who has logged in by password",
                _BEGUN,
                body=Body(
                    an_object({"org_id": TEXT, "return_to": _RETURN}, optional=("return_to",)),
                    {"org_id": ORG_ID, "return_to": "/account"},
                ),
            )
        },
        "/api/v1/auth/sso/start": {
            "get": operation(
                _TAG,
                "startSso",
                "Begin a sign-in: who accepts text/html is sent to the provider, others are told where",
                _BEGUN,
                security=OPEN,
                errors=(400, 403, 404, 503),
                query=("org_id", "return_to"),
            )
        },
        "/api/v1/auth/sso/callback": {
            "get": operation(
                _TAG,
                "finishSso",
                "End a sign-in, in the browser that began it",
                Body(
                    ok(token=TEXT, user=ref("User"), orgs=list_of(ref("Org")), return_to=OPTIONAL_TEXT),
                    {
                        "ok": True,
                        "token": "eyJhbGciOiJFZERTQSJ9.e30.c2ln",
                        "user": {"id": "usr_1", "email": "ada@example.com", "home_region": "eu-west-1"},
                        "orgs": [
                            {
                                "id": ORG_ID,
                                "name": "Shop",
                                "plan": "enterprise",
                                "primary_region": "eu-west-1",
                                "role": "member",
                            }
                        ],
                        "return_to": "/projects",
                    },
                ),
                security=OPEN,
                errors=(*MANAGED, 409),
                query=("state", "code", "iss", "sso_error"),
            )
        },
    },
    schemas={"Sso": ok(**_FIELDS, redirect_uri=TEXT)},
    parameters={
        "return_to": in_query("return_to", _RETURN["description"], _RETURN),
        "state": in_query("state", "As the provider sends it back.", _SENT, required=True),
        "code": in_query("code", "As the provider sends it back.", _SENT),
        "iss": in_query("iss", "As the provider sends it back (RFC 9207).", _SENT),
        "sso_error": in_query("error", "As the provider sends it back.", TEXT),
    },
)

_REDIRECT: Final = "A browser, which accepts text/html, goes to the provider; its cookie comes back with it."
AREA.paths["/api/v1/auth/sso/start"]["get"]["responses"]["302"] = answered(_REDIRECT, None)

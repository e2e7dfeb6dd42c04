"""Sessions in the document."""

from __future__ import annotations

from typing import Final

from services.rest.openapi.area import DONE, OPEN, Area, Body, operation, path
from services.rest.openapi.shapes import AT, MOMENT, TEXT, an_object, in_path, list_of, ok, ref

_TAG: Final = "Sessions"
_OF_ONESELF: Final = (400, 401, 403, 503)
_REFRESH: Final = "rt.eu-west-1.ses_1.0.c2VjcmV0"
_SESSION: Final = {
    "id": "ses_1",
    "created_at": AT,
    "last_used_at": AT,
    "expires_at": AT,
    "address": "203.0.113.7",
    "user_agent": "Mozilla/5.0",
    "current": True,
    "org_id": None,
}

AREA: Final = Area(
    _TAG,
    {
        "/api/v1/auth/refresh": {
            "post": operation(
                _TAG,
                "refreshSession",
                "Exchange a refresh token for the next pair of tokens: once, a second use ends the session",
                Body(
                    ok(token=TEXT, refresh_token=TEXT),
                    {
                        "ok": True,
                        "token": "eyJhbGciOiJFZERTQSJ9.e30.c2ln",
                        "refresh_token": "rt.eu-west-1.ses_1.1.c2VjcmV0",
                    },
                ),
                security=OPEN,
                errors=(400, 401, 503),
                body=Body(an_object({"refresh_token": TEXT}), {"refresh_token": _REFRESH}),
            )
        },
        "/api/v1/auth/signout": {
            "post": operation(
                _TAG,
                "signOut",
                "End this session, or all of the account's, in every region",
                DONE,
                errors=_OF_ONESELF,
                body=Body(
                    an_object({"everywhere": {"type": "boolean"}}, optional=("everywhere",)),
                    {"everywhere": False},
                ),
            )
        },
        "/api/v1/auth/password": {
            "post": operation(
                _TAG,
                "changePassword",
                "Set another password: all other sessions end",
                DONE,
                errors=(*_OF_ONESELF, 429),
                body=Body(
                    an_object(
                        {
                            "old_password": TEXT,
                            "new_password": {"type": "string", "minLength": 8, "maxLength": 1024},
                        }
                    ),
                    {"old_password": "correct horse", "new_password": "battery staple"},
                ),
            )
        },
        "/api/v1/auth/sessions": {
            "get": operation(
                _TAG,
                "listSessions",
                "List the account's sessions, the last used first",
                Body(ok(sessions=list_of(ref("SignIn"))), {"ok": True, "sessions": [_SESSION]}),
                errors=_OF_ONESELF,
            )
        },
        "/api/v1/auth/sessions/{session_id}": {
            "parameters": path("session_id"),
            "delete": operation(
                _TAG, "endSession", "End a session, in every region", DONE, errors=(*_OF_ONESELF, 404)
            ),
        },
    },
    schemas={
        "SignIn": an_object(
            {
                "id": TEXT,
                "created_at": MOMENT,
                "last_used_at": MOMENT,
                "expires_at": {**MOMENT, "description": "When it ends unless it is refreshed."},
                "address": {**TEXT, "description": "That last refreshed it."},
                "user_agent": {**TEXT, "description": "That last refreshed it."},
                "current": {"type": "boolean", "description": "Whether it is the caller's own."},
                "org_id": {
                    "type": ["string", "null"],
                    "description": "The organisation whose single sign-on it is; null: of the account.",
                },
            }
        )
    },
    parameters={"path_session_id": in_path("session_id", "A session of the account.")},
)

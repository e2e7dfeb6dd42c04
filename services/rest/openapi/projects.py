"""Projects and their keys in the document."""

from __future__ import annotations

from typing import Any, Final

from services.rest.openapi.area import ANY_TOKEN, DONE, MANAGED, Area, Body, operation, path
from services.rest.openapi.shapes import (
    AT,
    ENVIRONMENT,
    MOMENT,
    OPTIONAL_TEXT,
    ORG_ID,
    PROJECT_ID,
    SHORT_NAME,
    TEXT,
    Json,
    an_object,
    in_path,
    list_of,
    ok,
    ref,
)

_TAG: Final = "Projects"
_AT: Final = "/api/v1/projects/{project_id}"
_DAYS: Final[Json] = {
    "type": "integer",
    "minimum": 0,
    "maximum": 65_535,
    "description": "Days after their receipt that events are kept; 0: for ever, the plan is not known yet.",
}
_ORG_PROJECT: Final = {
    "id": PROJECT_ID,
    "org_id": ORG_ID,
    "name": "Web shop",
    "region": "eu-west-1",
    "created_at": AT,
    "retention_days": 90,
}
_PROJECT: Final = _ORG_PROJECT | {
    "state": "active",
    "authorized_domains": ["shop.example.com"],
    "authorized_ips": [],
    "keys": [{"id": "key_1", "environment": "live", "created_at": AT, "revoked": False}],
}
_MINTED: Final = {
    "id": "key_1",
    "environment": "live",
    "secret": "sk_live_0123456789abcdef0123456789abcdef",
}
_IN_ORG: Final[Json] = {
    "id": TEXT,
    "org_id": TEXT,
    "name": TEXT,
    "region": TEXT,
    "created_at": MOMENT,
    "retention_days": _DAYS,
}

_SCHEMAS: Final[Json] = {
    "OrgProject": an_object(_IN_ORG),
    "KeyInfo": an_object(
        {"id": TEXT, "environment": ENVIRONMENT, "created_at": MOMENT, "revoked": {"type": "boolean"}}
    ),
    "MintedKey": an_object({"id": TEXT, "environment": ENVIRONMENT, "secret": TEXT}),
    "Project": an_object(
        {
            **_IN_ORG,
            "state": {"type": "string", "enum": ["active", "archived"]},
            "authorized_domains": list_of(TEXT),
            "authorized_ips": list_of(TEXT),
            "keys": list_of(ref("KeyInfo")),
        }
    ),
}

_NEW: Final = Body(
    an_object(
        {"org_id": {**TEXT, "minLength": 1}, "name": SHORT_NAME, "region": OPTIONAL_TEXT},
        optional=("region",),
    ),
    {"org_id": ORG_ID, "name": "Web shop", "region": "af-south-1"},
)
_CREATED: Final = Body(
    ok(project=ref("Project"), keys=an_object({"live": ref("MintedKey"), "test": ref("MintedKey")})),
    {
        "ok": True,
        "project": _PROJECT,
        "keys": {"live": _MINTED, "test": _MINTED | {"id": "key_2", "environment": "test"}},
    },
)
_CHANGE: Final = Body(
    an_object(
        {
            "retention_days": {
                "type": ["integer", "null"],
                "minimum": 1,
                "maximum": 65_535,
                "description": "Days after their receipt that events are kept, at most what the plan "
                "permits; null: what it grants. Owners only, no API tokens. Holds for new events at once, "
                "for stored ones within a day; what has expired stays so. Sent by itself.",
            },
            "authorized_domains": {
                **list_of(TEXT),
                "maxItems": 100,
                "description": "Hosts whose pages may send events, `*.` before one for all below it; "
                "empty: any. Checked where a request has an Origin: 403 Unauthorized Origin.",
            },
            "authorized_ips": {
                **list_of(TEXT),
                "maxItems": 100,
                "description": "Addresses and networks that may send events; empty: any. Checked where a "
                "request has no Origin: 403 Unauthorized IP Address.",
            },
        },
        optional=("retention_days", "authorized_domains", "authorized_ips"),
    ),
    {"retention_days": 30},
)


def _read(**changed: Any) -> Body:
    return Body(ok(project=ref("Project")), {"ok": True, "project": _PROJECT | changed})


AREA: Final = Area(
    _TAG,
    {
        "/api/v1/projects": {
            "get": operation(
                _TAG,
                "listProjects",
                "List an organisation's projects",
                Body(ok(projects=list_of(ref("OrgProject"))), {"ok": True, "projects": [_ORG_PROJECT]}),
                query=("org_id",),
            ),
            "post": operation(
                _TAG,
                "createProject",
                "Create a project in a region, for ever",
                _CREATED,
                status=201,
                body=_NEW,
                errors=(*MANAGED, 409),
            ),
        },
        _AT: {
            "parameters": path("project_id"),
            "get": operation(_TAG, "getProject", "Read a project and its keys", _read(), security=ANY_TOKEN),
            "patch": operation(
                _TAG,
                "changeProject",
                "Set how long events are kept, or where they may come from; the region is never changed",
                _read(retention_days=30),
                body=_CHANGE,
                security=ANY_TOKEN,
            ),
        },
        f"{_AT}/keys": {
            "parameters": path("project_id"),
            "post": operation(
                _TAG,
                "mintKey",
                "Mint a key",
                Body(ok(key=ref("MintedKey")), {"ok": True, "key": _MINTED}),
                status=201,
                body=Body(an_object({"environment": ENVIRONMENT}), {"environment": "live"}),
            ),
        },
        f"{_AT}/keys/{{key_id}}": {
            "parameters": path("project_id", "key_id"),
            "delete": operation(_TAG, "revokeKey", "Revoke a key", DONE),
        },
        f"{_AT}/archive": {
            "parameters": path("project_id"),
            "post": operation(
                _TAG,
                "archiveProject",
                "Archive a project: its keys and API tokens are revoked, its data stays",
                _read(state="archived"),
            ),
        },
    },
    schemas=_SCHEMAS,
    parameters={"path_key_id": in_path("key_id", "A key of the project.")},
)

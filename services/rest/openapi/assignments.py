"""Reassigning a primary region, in the document."""

from __future__ import annotations

from typing import Final

from services.rest.openapi.area import MANAGED, Area, Body, operation, path
from services.rest.openapi.shapes import (
    AT,
    MOMENT,
    NUMBER,
    OPTIONAL_MOMENT,
    ORG_ID,
    TEXT,
    Json,
    an_object,
    ok,
    ref,
)

_TAG: Final = "Reassignment"
_STEPS: Final = (
    "claiming",
    "fenced",
    "copied",
    "handed_over",
    "switched",
    "accounts_moved",
    "erased",
    "done",
    "abandoned",
)
_PROGRESS: Final = Body(
    ok(org_id=TEXT, primary_region=TEXT, assignment={"anyOf": [ref("Assignment"), {"type": "null"}]}),
    {
        "ok": True,
        "org_id": ORG_ID,
        "primary_region": "us-east-1",
        "assignment": {
            "operation_id": "op_4Zx8Kq1LmN0pQrStUvWx",
            "from_region": "eu-west-1",
            "to_region": "us-east-1",
            "step": "done",
            "begun_at": AT,
            "finished_at": AT,
            "write_pause_ms": 180,
            "rows": 412,
            "accounts": 1,
            "reason": "",
            "left": {"rows": 0, "files": 0},
        },
    },
)
_REGION: Final[Json] = {"type": "string", "minLength": 1, "description": "A region of the catalogue."}

AREA: Final = Area(
    _TAG,
    {
        "/api/v1/admin/regions/orgs/{org_id}/assign": {
            "parameters": path("org_id"),
            "post": operation(
                _TAG,
                "assignPrimaryRegion",
                "Move an organisation's own data to another region, for its Owners",
                _PROGRESS,
                errors=(*MANAGED, 409),
                body=Body(an_object({"region": _REGION}), {"region": "eu-west-1"}),
                done="It has begun, goes on (the same again changes nothing), or is done.",
            ),
            "get": operation(
                _TAG,
                "getAssignment",
                "Say how far the last reassignment is",
                _PROGRESS,
                done="How far it is; null where there never was one.",
            ),
        },
    },
    schemas={
        "Assignment": an_object(
            {
                "operation_id": TEXT,
                "from_region": TEXT,
                "to_region": TEXT,
                "step": {"type": "string", "enum": list(_STEPS)},
                "begun_at": MOMENT,
                "finished_at": OPTIONAL_MOMENT,
                "write_pause_ms": NUMBER,
                "rows": NUMBER,
                "accounts": NUMBER,
                "reason": TEXT,
                "left": {"anyOf": [ref("Left"), {"type": "null"}]},
            }
        ),
        "Left": an_object({"rows": NUMBER, "files": NUMBER}),
    },
)

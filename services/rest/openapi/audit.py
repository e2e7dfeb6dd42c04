"""The audit logs, in the document."""

from __future__ import annotations

from typing import Final

from services.rest.openapi.area import ANY_TOKEN, Area, Body, operation, path
from services.rest.openapi.shapes import (
    AT,
    MOMENT,
    NUMBER,
    OPTIONAL_TEXT,
    TEXT,
    Json,
    an_object,
    in_path,
    in_query,
    list_of,
    ok,
    ref,
)

_TAG: Final = "Audit log"
SCOPE: Final = ("audit_org_id", "audit_project_id")
"""Whose log: exactly one of the two."""
_ROW: Final = {
    "id": "aud_4Zx8Kq1LmN0pQrStUvWx",
    "seq": 42,
    "at": AT,
    "actor": {"id": "usr_1", "email": "ada@example.com"},
    "action": "member.role.updated",
    "resource": {"type": "member", "id": "usr_2"},
    "before": {"role": "member"},
    "after": {"role": "admin"},
    "metadata": {"request_id": "req_5f1c", "address": "192.0.2.7", "user_agent": "curl/8"},
    "hash": "9f" * 32,
}
SCOPED: Final[Json] = {
    "org_id": {**TEXT, "minLength": 1, "description": "The organisation whose log it is; or `project_id`."},
    "project_id": {**TEXT, "minLength": 1, "description": "A project of the region that answers."},
}
ONE_SCOPE: Final[Json] = {"oneOf": [{"required": ["org_id"]}, {"required": ["project_id"]}]}
"""The same of a body: its properties, and that it has one of them."""
_TOLD: Final[Json] = {"type": ["object", "null"]}

AREA: Final = Area(
    _TAG,
    {
        "/api/v1/audit": {
            "get": operation(
                _TAG,
                "listAuditRows",
                "List what was done to an organisation or to a project, newest first",
                Body(
                    ok(rows=list_of(ref("AuditRow")), next_cursor=OPTIONAL_TEXT),
                    {"ok": True, "rows": [_ROW], "next_cursor": "42"},
                ),
                query=(
                    *SCOPE,
                    "actor_id",
                    "action",
                    "resource_type",
                    "since",
                    "until",
                    "limit",
                    "cursor",
                ),
                security=ANY_TOKEN,
            )
        },
        "/api/v1/audit/{audit_id}": {
            "parameters": path("audit_id"),
            "get": operation(
                _TAG,
                "getAuditRow",
                "Read one row",
                Body(ok(row=ref("AuditRow")), {"ok": True, "row": _ROW}),
                query=SCOPE,
                security=ANY_TOKEN,
            ),
        },
    },
    schemas={
        "AuditRow": an_object(
            {
                "id": TEXT,
                "seq": {**NUMBER, "description": "Its number in the chain, without a gap."},
                "at": MOMENT,
                "actor": an_object(
                    {
                        "id": TEXT,
                        "email": {
                            **OPTIONAL_TEXT,
                            "description": "Null for who is no person, and for who is not known any more.",
                        },
                    }
                ),
                "action": TEXT,
                "resource": an_object({"type": TEXT, "id": TEXT}),
                "before": _TOLD,
                "after": _TOLD,
                "metadata": {"type": "object"},
                "hash": {**TEXT, "description": "SHA-256, hex, over the hash before it and its fields."},
            }
        )
    },
    parameters={
        "path_audit_id": in_path("audit_id", "A row of the log."),
        "audit_org_id": in_query(
            "org_id", "The organisation whose log it is, of any region; or `project_id`.", TEXT
        ),
        "audit_project_id": in_query(
            "project_id", "The project of the region that answers whose log it is; or `org_id`.", TEXT
        ),
        "actor_id": in_query("actor_id", "Only what this actor did.", TEXT),
        "action": in_query("action", "Only this action.", TEXT),
        "resource_type": in_query("resource_type", "Only what was done to this type of resource.", TEXT),
    },
)

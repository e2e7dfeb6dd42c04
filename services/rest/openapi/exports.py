"""Exports of the audit log, in the document."""

from __future__ import annotations

from typing import Any, Final

from services.rest.openapi.area import MANAGED, OPEN, Area, Body, operation, path
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
    in_query,
    list_of,
    ok,
    ref,
)

_TAG: Final = "Audit exports"
_CSV: Final = '"seq","id","at","actor_id"\r\n"42","aud_1","2026-05-09T14:32:01.482Z","usr_1"\r\n'
_AT: Final = "/api/v1/audit/exports"
_ID: Final = "exp_4Zx8Kq1LmN0pQrStUvWx"
_WHO: Final = "Admins of the organisation, or of the project, on the Pro plan and above"
_EXPORT: Final = {
    "id": _ID,
    "state": "pending",
    "created_by": "usr_9aBcDeFgHiJkLmNoPqRs",
    "created_at": AT,
    "since": None,
    "until": AT,
    "rows": 0,
    "bytes": 0,
    "ready_at": None,
    "deleted_at": None,
}
_READY: Final = _EXPORT | {
    "state": "ready",
    "rows": 1204,
    "bytes": 412_331,
    "ready_at": "2026-05-09T14:32:03.120Z",
    "deleted_at": "2026-05-10T14:32:03.120Z",
}
_LINK: Final = (
    f"https://eu-west-1.example.com{_AT}/{_ID}/download?org_id={ORG_ID}"
    f"&user=usr_9aBcDeFgHiJkLmNoPqRs&expires=1778338023120&signature={'0f' * 32}"
)
_LINKED: Final = {
    "org_id": False,
    "project_id": False,
    "user": True,
    "expires": True,
    "signature": True,
}
"""What a link says, and whether any does: it has the one or the other scope."""
_SCHEMAS: Final[Json] = {
    "AuditExport": an_object(
        {
            "id": TEXT,
            "state": {
                "type": "string",
                "enum": ["pending", "ready", "expired"],
                "description": "`expired`: the file is gone, a day after it was ready, or as its log moved.",
            },
            "created_by": TEXT,
            "created_at": MOMENT,
            "since": OPTIONAL_MOMENT,
            "until": MOMENT,
            "rows": NUMBER,
            "bytes": NUMBER,
            "ready_at": OPTIONAL_MOMENT,
            "deleted_at": {
                **OPTIONAL_MOMENT,
                "description": "Until when the file is kept, or was at most.",
            },
        }
    )
}


def _moment(text: str) -> Json:
    return {"type": ["string", "null"], "format": "date-time", "description": text}


def _download() -> Json:
    written = operation(
        _TAG,
        "downloadExport",
        "Fetch the file of an export: all of the query is in its download_url, and is the credential",
        None,
        security=OPEN,
        errors=(403, 404, 503),
        query=("link_org_id", "link_project_id", "link_user", "link_expires", "link_signature"),
    )
    answer: Json = written["responses"]["200"]
    answer["description"] = (
        "CSV (RFC 4180) in UTF-8, every cell quoted; an apostrophe is before formulas. Of a project's log it "
        "has ids of actors, and no e-mails."
    )
    answer["content"] = {"text/csv": {"schema": TEXT, "example": _CSV}}
    return written


def _one(export: dict[str, Any], link: str | None) -> Body:
    return Body(
        ok(
            export=ref("AuditExport"),
            download_url={
                **OPTIONAL_TEXT,
                "description": "Where it is ready: for who holds it, for 15 minutes, in the caller's name.",
            },
        ),
        {"ok": True, "export": export, "download_url": link},
    )


AREA: Final = Area(
    _TAG,
    {
        _AT: {
            "get": operation(
                _TAG,
                "listExports",
                f"List the exports of the audit log, newest first. {_WHO}",
                Body(ok(exports=list_of(ref("AuditExport"))), {"ok": True, "exports": [_READY]}),
                query=SCOPE,
            ),
            "post": operation(
                _TAG,
                "createExport",
                f"Order an export of the audit log; it is made in the background. {_WHO}",
                Body(ok(export=ref("AuditExport")), {"ok": True, "export": _EXPORT}),
                status=202,
                body=Body(
                    an_object(
                        {
                            **SCOPED,
                            "since": _moment("Not before this time; absent: from the first row."),
                            "until": _moment("Before this time; absent, or in the future: up to now."),
                        },
                        optional=(*SCOPED, "since", "until"),
                    )
                    | ONE_SCOPE,
                    {"org_id": ORG_ID, "since": "2026-01-01T00:00:00Z"},
                ),
                errors=(*MANAGED, 409),
                done="Ordered.",
            ),
        },
        f"{_AT}/{{export_id}}": {
            "parameters": path("export_id"),
            "get": operation(
                _TAG,
                "getExport",
                f"Read an export, with a link to its file where it is ready. {_WHO}",
                _one(_READY, _LINK),
                query=SCOPE,
            ),
        },
        f"{_AT}/{{export_id}}/download": {"parameters": path("export_id"), "get": _download()},
    },
    schemas=_SCHEMAS,
    parameters={
        "path_export_id": in_path("export_id", "An export of the organisation's or of the project's log."),
        **{
            f"link_{name}": in_query(name, "From the download_url.", TEXT, required=needed)
            for name, needed in _LINKED.items()
        },
    },
)

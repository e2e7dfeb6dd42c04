"""What the shapes of bodies and answers are made of, and the example values they share."""

from __future__ import annotations

from typing import Any, Final

from services.rest.payloads import LONGEST_TEXT

Json = dict[str, Any]

TEXT: Final[Json] = {"type": "string"}
OPTIONAL_TEXT: Final[Json] = {"type": ["string", "null"]}
NUMBER: Final[Json] = {"type": "integer", "format": "int64"}
MOMENT: Final[Json] = {"type": "string", "format": "date-time"}
OPTIONAL_MOMENT: Final[Json] = {"type": ["string", "null"], "format": "date-time"}
WHEN: Final[Json] = {
    "anyOf": [
        {"type": "string", "format": "date-time"},
        {"type": "integer", "minimum": -999_999_999_999_999, "maximum": 999_999_999_999_999},
    ]
}
NAME: Final[Json] = {"type": "string", "minLength": 1, "maxLength": LONGEST_TEXT}
SHORT_NAME: Final[Json] = {
    "type": "string",
    "minLength": 1,
    "maxLength": 200,
    "description": "Printable characters of any script.",
}
EMAIL: Final[Json] = {"type": "string", "format": "email", "maxLength": 254}
ENVIRONMENT: Final[Json] = {"type": "string", "enum": ["live", "test"]}
_YES: Final[Json] = {"type": "boolean", "const": True}

AT: Final = "2026-05-09T14:32:01.482Z"
PROJECT_ID: Final = "proj_4Zx8Kq1LmN0pQrStUvWx"
ORG_ID: Final = "org_9aBcDeFgHiJkLmNoPqRs"


def ref(name: str) -> Json:
    """A shape of the document by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


def an_object(properties: Json, *, optional: tuple[str, ...] = ()) -> Json:
    """An object, all of whose properties but the `optional` ones are there."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties} | ({"required": required} if required else {})


def ok(**properties: Json) -> Json:
    """An answer: `ok` and what else it says."""
    return an_object({"ok": _YES, **properties})


def list_of(items: Json) -> Json:
    """An array."""
    return {"type": "array", "items": items}


def in_query(name: str, text: str, schema: Json, *, required: bool = False) -> Json:
    """A parameter after the question mark."""
    return {"name": name, "in": "query", "description": text, "required": required, "schema": schema}


def in_header(name: str, text: str, schema: Json) -> Json:
    """A parameter in a header."""
    return {"name": name, "in": "header", "description": text, "schema": schema}


def in_path(name: str, text: str) -> Json:
    """A parameter in the path."""
    return {"name": name, "in": "path", "description": text, "required": True, "schema": TEXT}


PLAIN_OK: Final[Json] = {
    **an_object({"ok": _YES, "status": TEXT}, optional=("status",)),
}
"""`{"ok": true}`, with a status where there is one to tell."""

ERROR: Final[Json] = {
    **an_object({"ok": {"type": "boolean", "const": False}, "error": TEXT, "request_id": TEXT}),
    "example": {"ok": False, "error": "Invalid API Key", "request_id": "req_5f1c"},
}

SHARED_PARAMETERS: Final[Json] = {
    "path_project_id": in_path("project_id", "A project of the region that answers."),
    "path_org_id": in_path("org_id", "An organisation."),
    "org_id": in_query("org_id", "The organisation.", {**TEXT, "minLength": 1}, required=True),
    "since": in_query("since", "Not before this time: RFC 3339 or unix milliseconds.", WHEN),
    "until": in_query("until", "Before this time: RFC 3339 or unix milliseconds.", WHEN),
    "limit": in_query(
        "limit", "Size of a page.", {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}
    ),
    "cursor": in_query("cursor", "The next_cursor of the page before.", TEXT),
}
"""Parameters of several areas, by the names that operations give them."""

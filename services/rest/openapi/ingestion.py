"""Ingestion in the document."""

from __future__ import annotations

from typing import Final

from services.rest.openapi.area import KEY, Area, Body, answered, operation, parameter
from services.rest.openapi.shapes import (
    AT,
    ENVIRONMENT,
    NAME,
    NUMBER,
    PROJECT_ID,
    TEXT,
    Json,
    an_object,
    in_header,
    list_of,
    ok,
    ref,
)
from services.rest.payloads import LONGEST_TEXT, MOST_OPERATIONS

_TAG: Final = "Ingestion"
_REFUSED: Final = (400, 401, 403, 409, 413, 415, 429, 503)
_OPTIONAL_NAME: Final[Json] = {"type": ["string", "null"], "maxLength": LONGEST_TEXT}
_BAG: Final[Json] = {"type": ["object", "null"], "description": "Any JSON; comes back as it was sent."}
_TIME: Final[Json] = {
    "type": ["string", "number", "null"],
    "description": 'RFC 3339, "YYYY-MM-DD HH:MM:SS[.fff]" or unix milliseconds.',
}
_TRACK: Final = {
    "event_name": "checkout_started",
    "distinct_id": "user_123",
    "timestamp": AT,
    "properties": {"cart_value": 49.99, "$session_id": "sess_abc"},
    "default_properties": {"$os": "ios"},
    "lib_version": "web@1.0.0",
}
_PEOPLE: Final = {"distinct_id": "user_123", "properties": {"plan": "pro", "nickname": None}}
_ALIAS: Final = {"alias_id": "anon_7", "distinct_id": "user_123"}

_SCHEMAS: Final[Json] = {
    "Track": an_object(
        {
            "event_name": NAME,
            "distinct_id": NAME,
            "timestamp": _TIME,
            "properties": _BAG,
            "default_properties": _BAG,
            "lib_version": _OPTIONAL_NAME,
            "event_id": {**_OPTIONAL_NAME, "description": "Makes a retry harmless: stored once."},
        },
        optional=("timestamp", "properties", "default_properties", "lib_version", "event_id"),
    ),
    "People": an_object(
        {"distinct_id": NAME, "properties": {**_BAG, "maxProperties": 10_000}, "timestamp": _TIME},
        optional=("properties", "timestamp"),
    ),
    "Alias": an_object({"alias_id": NAME, "distinct_id": NAME, "timestamp": _TIME}, optional=("timestamp",)),
    "Operation": {
        "oneOf": [
            an_object({"type": {"type": "string", "const": kind}, "payload": ref(shape)})
            for kind, shape in (("track", "Track"), ("people", "People"), ("alias", "Alias"))
        ]
    },
    "Command": an_object(
        {"type": {"type": "string", "const": "CAPTURE_PRISTINE"}, "params": an_object({"screen": TEXT})}
    ),
}

_BATCH: Final = Body(
    an_object({"operations": {**list_of(ref("Operation")), "minItems": 1, "maxItems": MOST_OPERATIONS}}),
    {
        "operations": [
            {"type": "track", "payload": _TRACK},
            {"type": "people", "payload": _PEOPLE},
            {"type": "alias", "payload": _ALIAS},
        ]
    },
)
_COUNTED: Final = Body(
    ok(
        project_id=TEXT,
        project_name=TEXT,
        environment=ENVIRONMENT,
        operations_received=NUMBER,
        events_received=NUMBER,
        people_received=NUMBER,
        aliases_received=NUMBER,
        commands=list_of(ref("Command")),
    ),
    {
        "ok": True,
        "project_id": PROJECT_ID,
        "project_name": "Web shop",
        "environment": "live",
        "operations_received": 3,
        "events_received": 1,
        "people_received": 1,
        "aliases_received": 1,
        "commands": [],
    },
)


def _post(name: str, summary: str, body: Body, answer: Body | None, discarded: str = "discarded") -> Json:
    written = operation(_TAG, name, summary, answer, security=KEY, errors=_REFUSED, body=body, done="Stored.")
    written["parameters"] = [parameter("Idempotency-Key"), parameter("Content-Encoding")]
    nothing = Body(ref("Ok"), {"ok": True, "status": discarded})
    written["responses"]["202"] = answered("Every distinct_id is garbage: nothing is stored.", nothing)
    return {"post": written}


AREA: Final = Area(
    _TAG,
    {
        "/api/v1/track": _post(
            "track",
            "Store one event",
            Body(ref("Track"), _TRACK),
            Body(ok(commands=list_of(ref("Command"))), {"ok": True, "commands": []}),
        ),
        "/api/v1/people": _post("people", "Merge traits into a person", Body(ref("People"), _PEOPLE), None),
        "/api/v1/alias": _post("alias", "Say that two ids are one person", Body(ref("Alias"), _ALIAS), None),
        "/api/v1/batch": _post(
            "batch", "Store many operations, all or none", _BATCH, _COUNTED, discarded="discarded_all"
        ),
    },
    schemas=_SCHEMAS,
    parameters={
        "Idempotency-Key": in_header(
            "Idempotency-Key",
            "Makes a retry of the whole request harmless for 24 hours; with another body it is a 409.",
            TEXT,
        ),
        "Content-Encoding": in_header(
            "Content-Encoding",
            "How the body is compressed.",
            {"type": "string", "enum": ["gzip", "deflate", "zstd", "br"]},
        ),
    },
)

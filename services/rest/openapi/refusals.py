"""Refusals and limits as the OpenAPI document tells them: what each status means, and in which words."""

from __future__ import annotations

from typing import Any, Final

from mesh.errors import error_of
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.rest.config import RestConfig
from services.rest.payloads import LONGEST_TEXT, MOST_OPERATIONS
from services.rest.routing import MAX_JSON_BYTES

_DEFAULT: Final = RestConfig()

LIMITS: Final = f"""Every answer names the region that gave it. A refusal is `{{"ok": false, "error": "…",
"request_id": "…"}}`: its status is its type, its text is for people.

What one client may take, unless configured otherwise; the edge of the global URL holds to the same.

| what | most | else |
|---|---|---|
| body of ingestion, as sent and decompressed | {_DEFAULT.max_body_bytes >> 20} MiB | 413 |
| body of SCIM; its values; operations of a PATCH | 1 MiB; 60,000; 1,000 | 413 |
| operations of a SCIM PATCH times values that they concern | 100,000 | 413 |
| requests of one directory that wait | 32 | 429 |
| body of any other request | {MAX_JSON_BYTES >> 10} KiB | 413 |
| operations of a batch | {MOST_OPERATIONS:,} | 413 |
| properties of one person in one operation; of all people of a batch | 10,000; 100,000 | 413 |
| characters of an event name, an id, `lib_version`, `event_id` | {LONGEST_TEXT:,} | 400 |
| nesting of JSON | about 900 levels | 400 |
| request line and headers; how many headers | 32 KiB; 100 | 431 |
| time for the headers; for the body | {_DEFAULT.header_timeout_s:g} s; {_DEFAULT.body_timeout_s:g} s | 408 |
| time without a byte of the body | {_DEFAULT.idle_timeout_s:g} s | 408 |
| live events of an organisation in a month | by its plan; Hobby 100,000 | 429 |
| failed log-ins of one account | 10, then one in 30 s | 429 |
| failed log-ins from one address | 50, then one in 5 s | 429 |
| log-ins and sign-ups from one address in a minute | {_DEFAULT.lookups_per_minute} | 429 |
| requests of a key, or of an API token, in a minute | {_DEFAULT.rate_limit_per_minute} | 429 |

Bodies are JSON in UTF-8, whatever their Content-Type says. Of a repeated key the last counts; in `properties`
all come back, as every number and every white space does, byte for byte. Fields that are not listed are
passed over. What is no HTTP/1.1 is 400 on a closed connection.
"""

_MEANINGS: Final = {
    400: "What was sent can't be used.",
    401: "The credential is missing, or not a good one.",
    403: "The credential does not permit this here.",
    404: "No such thing in this region.",
    408: "The request took too long to arrive.",
    409: "It clashes with what is.",
    413: "The body is over a limit.",
    415: "The Content-Encoding is not accepted.",
    429: "Too many requests of the key or API token in its minute, events of the plan in its month, log-ins "
    "in a minute, failed attempts to sign in, or requests of a directory that wait; see Retry-After.",
    431: "The request line and headers are over the limit.",
    503: "The same request may succeed later, see Retry-After.",
}
_EVERYWHERE: Final = {
    401: ("MISSING_TOKEN", "INVALID_TOKEN"),
    403: ("PERMISSION_DENIED", "PLAN_REQUIRED"),
    408: ("REQUEST_TIMEOUT",),
    413: ("BODY_TOO_LARGE",),
    431: ("HEADERS_TOO_LARGE",),
    503: ("UNAVAILABLE",),
}
_INGESTION: Final = {
    400: (
        "INVALID_BODY",
        "MISSING_EVENT_NAME",
        "MISSING_DISTINCT_ID",
        "MISSING_ALIAS_ID",
        "NO_OPERATIONS",
        "UNKNOWN_OPERATION_TYPE",
        "INVALID_TRACK_PAYLOAD",
        "INVALID_PEOPLE_PAYLOAD",
        "INVALID_ALIAS_PAYLOAD",
    ),
    401: ("MISSING_API_KEY",),
    403: ("INVALID_API_KEY",),
    409: ("IDEMPOTENCY_KEY_REUSED",),
    413: ("BODY_TOO_LARGE", "TOO_MANY_OPERATIONS", "TOO_MANY_PROPERTIES"),
    415: ("UNSUPPORTED_ENCODING",),
    429: ("RATE_LIMITED", "QUOTA_EXCEEDED"),
}


def refusal(code: int, headers: dict[str, Any], *, ingestion: bool) -> dict[str, Any]:
    """One answer of an operation that is a refusal, with the texts it may have."""
    names = (_EVERYWHERE | _INGESTION if ingestion else _EVERYWHERE).get(code, ())
    content: dict[str, Any] = {"schema": {"$ref": "#/components/schemas/Error"}}
    if names:
        content["examples"] = {name.lower(): {"value": _body(name)} for name in names}
    return {"description": _MEANINGS[code], "headers": headers, "content": {"application/json": content}}


def _body(name: str) -> dict[str, Any]:
    text = error_of(ErrorReason.Value(f"ERROR_REASON_{name}")).public_text
    return {"ok": False, "error": text, "request_id": "req_5f1c"}

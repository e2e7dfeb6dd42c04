"""The OpenAPI 3.1 document of the shim: every route, every answer, with examples."""

from __future__ import annotations

from typing import Any, Final

from services.rest.refusals import LIMITS, refusal
from services.rest.schemas import PARAMETERS, REQUESTS, RESPONSES, SCHEMAS

Json = dict[str, Any]

VERSION: Final = "1.0.0"
_KEY: Final[list[Json]] = [{"apiKey": []}]
_TOKEN: Final[list[Json]] = [{"bearer": []}]
_OPEN: Final[list[Json]] = []
_PROJECT: Final = ("project_id",)
_FILTER: Final = ("environment", "event_name", "distinct_id", "since", "until")
_INGESTION: Final = (400, 401, 403, 409, 413, 415, 429, 503)
_ALWAYS: Final = (408, 431)
_MANAGED: Final = (400, 401, 403, 404, 503)


def document() -> Json:
    """The whole document, ready to be encoded."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Sankofa REST API of one region",
            "version": VERSION,
            "summary": "Events in, answers out; each project's data stays in its region.",
            "description": LIMITS,
            "license": {"name": "Proprietary", "identifier": "LicenseRef-Proprietary"},
        },
        "servers": [
            {"url": "/", "description": "A regional URL, or the global one in front of all regions."}
        ],
        "tags": [
            {"name": name} for name in ("Ingestion", "Accounts", "Projects", "Residency", "Queries", "Health")
        ],
        "paths": _ingestion() | _accounts() | _projects() | _residency() | _queries() | _health(),
        "components": {
            "schemas": SCHEMAS,
            "parameters": PARAMETERS,
            "headers": {
                "Region": {
                    "description": "The region that answered: the project's, where one is involved.",
                    "schema": {"type": "string"},
                    "example": "eu-west-1",
                },
                "RequestId": {
                    "description": "The caller's own valid X-Request-Id, or a new one.",
                    "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,128}$"},
                },
                "RetryAfter": {
                    "description": "Whole seconds until it is worth trying again: at most a minute.",
                    "schema": {"type": "integer", "minimum": 1, "maximum": 60},
                    "example": 1,
                },
            },
            "securitySchemes": {
                "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"},
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            },
        },
    }


def _ingestion() -> Json:
    def post(name: str, summary: str, *, empty: bool = False, discarded: str = "discarded") -> Json:
        operation = _operation("Ingestion", summary, name, _KEY, _INGESTION, empty=empty, body=name)
        operation["parameters"] = [_parameter("Idempotency-Key"), _parameter("Content-Encoding")]
        example = {"ok": True, "status": discarded}
        operation["responses"]["202"] = _answer("Every distinct_id is garbage: nothing is stored.", example)
        return {"post": operation}

    return {
        "/api/v1/track": post("track", "Store one event"),
        "/api/v1/people": post("people", "Merge traits into a person", empty=True),
        "/api/v1/alias": post("alias", "Say that two ids are one person", empty=True),
        "/api/v1/batch": post("batch", "Store many operations, all or none", discarded="discarded_all"),
    }


def _accounts() -> Json:
    sign_up = _operation(
        "Accounts",
        "Create an account and its organisation",
        "signup",
        _OPEN,
        (400, 409, 503),
        status=201,
        body="signup",
    )
    log_in = _operation("Accounts", "Get a token", "login", _OPEN, (400, 401, 503), body="login")
    return {"/api/v1/auth/signup": {"post": sign_up}, "/api/v1/auth/login": {"post": log_in}}


def _projects() -> Json:
    def on(summary: str, name: str, **more: Any) -> Json:
        return _operation("Projects", summary, name, _TOKEN, more.pop("errors", _MANAGED), **more)

    path = "/api/v1/projects/{project_id}"
    return {
        "/api/v1/projects": {
            "get": on("List an organisation's projects", "listProjects", query=("org_id",)),
            "post": on(
                "Create a project in a region, for ever",
                "createProject",
                status=201,
                body="createProject",
                errors=(*_MANAGED, 409),
            ),
        },
        path: {
            "parameters": _path(*_PROJECT),
            "get": on("Read a project and its keys", "getProject"),
            "patch": on(
                "Set how long events are kept, or where they may come from; the region is never changed",
                "changeProject",
                body="changeProject",
            ),
        },
        f"{path}/keys": {
            "parameters": _path(*_PROJECT),
            "post": on("Mint a key", "mintKey", status=201, body="mintKey"),
        },
        f"{path}/keys/{{key_id}}": {
            "parameters": _path("project_id", "key_id"),
            "delete": on("Revoke a key", "revokeKey"),
        },
        f"{path}/archive": {
            "parameters": _path(*_PROJECT),
            "post": on("Archive a project: its keys are revoked, its data stays", "archiveProject"),
        },
    }


def _residency() -> Json:
    regions = _operation("Residency", "List the regions", "listRegions", _TOKEN, (401, 403, 503))
    where = _operation("Residency", "Say where an organisation is", "getResidency", _TOKEN, _MANAGED)
    return {
        "/api/v1/admin/regions": {"get": regions},
        "/api/v1/admin/regions/orgs/{org_id}": {"parameters": _path("org_id"), "get": where},
    }


def _queries() -> Json:
    def get(summary: str, name: str, *query: str) -> Json:
        return {
            "parameters": _path(*_PROJECT),
            "get": _operation("Queries", summary, name, _TOKEN, _MANAGED, query=query),
        }

    path = "/api/v1/projects/{project_id}"
    person = get("Read one person by any of their ids", "getPerson", "environment")
    person["parameters"] = [*_path(*_PROJECT), _parameter("person")]
    person["delete"] = _operation(
        "Queries",
        "Erase one person, under all of their ids, with all that was accepted before",
        "erasePerson",
        _TOKEN,
        _MANAGED,
        status=202,
        query=("environment",),
    )
    return {
        f"{path}/events": get("List events, newest first", "listEvents", *_FILTER, "limit", "cursor"),
        f"{path}/events/names": get("List names of events, most frequent first", "listEventNames", *_FILTER),
        f"{path}/events/counts": get("Count events and their people", "countEvents", *_FILTER),
        f"{path}/people": get("List people, by distinct id", "listPeople", "environment", "limit", "cursor"),
        f"{path}/people/{{distinct_id}}": person,
    }


def _health() -> Json:
    lives = _operation("Health", "The process lives", "healthz", _OPEN, ())
    ready = _operation("Health", "The process can take traffic", "readyz", _OPEN, (503,))
    own = _operation("Health", "This document", "openapi", _OPEN, ())
    return {"/healthz": {"get": lives}, "/readyz": {"get": ready}, "/openapi.json": {"get": own}}


def _operation(
    tag: str,
    summary: str,
    name: str,
    security: list[Json],
    errors: tuple[int, ...],
    *,
    status: int = 200,
    body: str = "",
    query: tuple[str, ...] = (),
    empty: bool = False,
) -> Json:
    """An operation: `body` names its request, `name` its answer."""
    operation: Json = {
        "tags": [tag],
        "summary": summary,
        "operationId": name,
        "security": security,
        "responses": {},
    }
    if query:
        operation["parameters"] = [_parameter(each) for each in query]
    if body:
        operation["requestBody"] = {"required": True, "content": {"application/json": REQUESTS[body]}}
    if empty:
        operation["responses"][str(status)] = {"description": "Stored. No body.", "headers": _headers(status)}
    else:
        text = "Stored." if tag == "Ingestion" else "Done."
        operation["responses"][str(status)] = _answer(
            text, RESPONSES[name]["example"], RESPONSES[name]["schema"]
        )
    codes = {*errors, *_ALWAYS, *((413,) if body else ())}
    for code in sorted(codes):
        operation["responses"][str(code)] = refusal(code, _headers(code), ingestion=tag == "Ingestion")
    return operation


def _answer(text: str, example: Json, schema: Json | None = None) -> Json:
    content = {"schema": schema or {"$ref": "#/components/schemas/Ok"}, "example": example}
    return {"description": text, "headers": _headers(200), "content": {"application/json": content}}


def _headers(code: int) -> Json:
    headers: Json = {
        "X-Sankofa-Region": {"$ref": "#/components/headers/Region"},
        "X-Request-Id": {"$ref": "#/components/headers/RequestId"},
    }
    if code in (429, 503):
        headers["Retry-After"] = {"$ref": "#/components/headers/RetryAfter"}
    return headers


def _path(*names: str) -> list[Json]:
    return [_parameter(f"path_{name}") for name in names]


def _parameter(name: str) -> Json:
    return {"$ref": f"#/components/parameters/{name}"}

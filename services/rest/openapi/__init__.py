"""The OpenAPI 3.1 document of the shim: every route, every answer, with examples.

One module for each area of the API: its operations, its shapes, its parameters. What several areas share
is in shapes.py; what refusals say, in refusals.py.
"""

from __future__ import annotations

from typing import Final

from services.rest.openapi import (
    accounts,
    api_tokens,
    assignments,
    audit,
    billing,
    exports,
    health,
    ingestion,
    members,
    projects,
    queries,
    residency,
    scim,
    second_factor,
    sessions,
    sso,
    teams,
    webhooks,
)
from services.rest.openapi.area import Area
from services.rest.openapi.refusals import LIMITS
from services.rest.openapi.shapes import ERROR, PLAIN_OK, SHARED_PARAMETERS, Json

VERSION: Final = "1.0.0"
AREAS: Final[tuple[Area, ...]] = tuple(
    room.AREA
    for room in (
        ingestion,
        accounts,
        members,
        teams,
        sso,
        scim,
        sessions,
        second_factor,
        projects,
        api_tokens,
        billing,
        residency,
        assignments,
        audit,
        webhooks,
        exports,
        queries,
        health,
    )
)
"""In the order in which they are shown."""


def document() -> Json:
    """The whole document, ready to be encoded."""
    schemas: Json = {"Ok": PLAIN_OK, "Error": ERROR}
    parameters: Json = dict(SHARED_PARAMETERS)
    paths: Json = {}
    for area in AREAS:
        schemas |= area.schemas
        parameters |= area.parameters
        paths |= area.paths
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
        "tags": [{"name": area.tag} for area in AREAS],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "parameters": parameters,
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
                    "description": "Whole seconds until it is worth trying again: at most a minute, "
                    "an hour where the quota of the month is used up.",
                    "schema": {"type": "integer", "minimum": 1, "maximum": 3600},
                    "example": 1,
                },
            },
            "securitySchemes": {
                "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"},
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "scim": {"type": "http", "scheme": "bearer", "bearerFormat": "scim_…"},
                "apiToken": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "sat_…",
                    "description": "An API token, for its own project alone and as its role permits.",
                },
            },
        },
    }

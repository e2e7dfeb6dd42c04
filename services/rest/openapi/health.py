"""Health, and the document itself, in the document."""

from __future__ import annotations

from typing import Final

from services.rest.openapi.area import DONE, OPEN, Area, Body, operation
from services.rest.openapi.shapes import Json

_TAG: Final = "Health"


def _get(name: str, summary: str, answer: Body, *errors: int) -> Json:
    return {"get": operation(_TAG, name, summary, answer, security=OPEN, errors=errors)}


AREA: Final = Area(
    _TAG,
    {
        "/healthz": _get("healthz", "The process lives", DONE),
        "/readyz": _get("readyz", "The process can take traffic", DONE, 503),
        "/openapi.json": _get("openapi", "This document", Body({"type": "object"}, {"openapi": "3.1.0"})),
    },
)

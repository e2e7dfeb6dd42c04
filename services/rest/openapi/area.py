"""One area of the public API as the document tells it, and how its operations are written down."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from services.rest.openapi.refusals import refusal
from services.rest.openapi.shapes import Json, ref

KEY: Final[list[Json]] = [{"apiKey": []}]
TOKEN: Final[list[Json]] = [{"bearer": []}]
ANY_TOKEN: Final[list[Json]] = [{"bearer": []}, {"apiToken": []}]
"""A person's, or an API token of the project. Those have a rate: 429 with it."""
OPEN: Final[list[Json]] = []
MANAGED: Final = (400, 401, 403, 404, 503)
"""What any operation of a signed-in person may be refused with."""

_ALWAYS: Final = (408, 431)


class Body(NamedTuple):
    """What is sent or answered: its shape, and an example of it."""

    schema: Json
    example: Json


DONE: Final = Body(ref("Ok"), {"ok": True})
"""An answer that says no more than that it is done."""


@dataclass(frozen=True, slots=True)
class Area:
    """`tag`: its title. Shapes, and parameters under the names that its operations give them."""

    tag: str
    paths: Json
    schemas: Json = field(default_factory=dict)
    parameters: Json = field(default_factory=dict)


def operation(
    tag: str,
    name: str,
    summary: str,
    answer: Body | None,
    *,
    security: list[Json] = TOKEN,
    errors: tuple[int, ...] = MANAGED,
    status: int = 200,
    body: Body | None = None,
    query: tuple[str, ...] = (),
    done: str = "Done.",
) -> Json:
    """An operation; `answer` None: one without a body. `query` names parameters."""
    written: Json = {
        "tags": [tag],
        "summary": summary,
        "operationId": name,
        "security": security,
        "responses": {str(status): answered(done, answer)},
    }
    if query:
        written["parameters"] = [parameter(each) for each in query]
    if body:
        content = {"schema": body.schema, "example": body.example}
        written["requestBody"] = {"required": True, "content": {"application/json": content}}
    rated = (429,) if security is ANY_TOKEN else ()
    for code in sorted({*errors, *_ALWAYS, *rated, *((413,) if body else ())}):
        written["responses"][str(code)] = refusal(code, _headers(code), ingestion=security is KEY)
    return written


def answered(text: str, answer: Body | None) -> Json:
    """An answer that is not a refusal."""
    if answer is None:
        return {"description": f"{text} No body.", "headers": _headers(200)}
    content = {"schema": answer.schema, "example": answer.example}
    return {"description": text, "headers": _headers(200), "content": {"application/json": content}}


def path(*names: str) -> list[Json]:
    """The parameters of a path."""
    return [parameter(f"path_{name}") for name in names]


def parameter(name: str) -> Json:
    """A parameter of the document by its name."""
    return {"$ref": f"#/components/parameters/{name}"}


def _headers(code: int) -> Json:
    headers: Json = {
        "X-Sankofa-Region": {"$ref": "#/components/headers/Region"},
        "X-Request-Id": {"$ref": "#/components/headers/RequestId"},
    }
    if code in (429, 503):
        headers["Retry-After"] = {"$ref": "#/components/headers/RetryAfter"}
    return headers

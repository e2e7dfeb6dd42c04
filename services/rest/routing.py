"""How the management and query routes are declared: one path, its methods, one way to answer."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias, TypeVar

import msgspec
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from mesh.api_tokens import is_api_token
from mesh.directory import Directory
from mesh.errors import Forbidden, InvalidInput, NotFound, Unauthenticated
from mesh.tokens import USER, verify
from sankofa.residency.v1.environment_pb2 import Environment
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.rest.requests import Request

Endpoint: TypeAlias = Callable[[HttpRequest], Awaitable[Response]]
T = TypeVar("T")

MAX_JSON_BYTES: Final = 64 * 1024
ENVIRONMENTS: Final = {"live": Environment.ENVIRONMENT_LIVE, "test": Environment.ENVIRONMENT_TEST}
_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/=-]{1,8192}").fullmatch


def resource(path: str, **methods: Endpoint) -> Route:
    """A route that serves several methods: `resource("/x", GET=read, POST=create)`."""
    template = path.replace(":path}", "}")

    async def serve(http: HttpRequest) -> Response:
        http.scope["sankofa.route"] = template
        return await methods["GET" if http.method == "HEAD" else http.method](http)

    return Route(path, serve, methods=list(methods))


def reply(data: object, *, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(msgspec.json.encode(data), status, media_type="application/json")


async def read_json(http: HttpRequest, kind: type[T]) -> T:
    """The body as a struct. Raises InvalidInput: 400, or 413 over 64 KiB."""
    request: Request = http.scope["sankofa.request"]
    body = await request.body(limit_bytes=MAX_JSON_BYTES)
    try:
        return msgspec.json.decode(body, type=kind)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(ErrorReason.ERROR_REASON_INVALID_BODY) from error


def bearer(http: HttpRequest) -> str:
    """The token of a person who is signed in. Raises Unauthenticated, Forbidden."""
    token = credential(http)
    require_person(token)
    return token


def require_person(token: str) -> None:
    """Raises Forbidden for an API token: it leaves its project's region for no other."""
    if is_api_token(token):
        raise Forbidden(detail="an API token may not do this, sign in instead")


def credential(http: HttpRequest) -> str:
    """The bearer token: a person's, or by its looks a project's API token. Raises Unauthenticated."""
    scheme, _, token = http.headers.get("authorization", "").partition(" ")
    if not scheme:
        raise Unauthenticated(ErrorReason.ERROR_REASON_MISSING_TOKEN)
    if scheme.lower() != "bearer" or not _TOKEN(token):
        raise Unauthenticated(ErrorReason.ERROR_REASON_INVALID_TOKEN)
    return token


def home_of_caller(http: HttpRequest, directory: Directory) -> tuple[str, str]:
    """The caller's token, and the region that issued it: their account's home. Raises Unauthenticated."""
    token = bearer(http)
    return token, verify(token, directory=directory, audience=USER).issuer_region


def org_named(http: HttpRequest) -> str:
    """The organisation that the query names. Raises InvalidInput."""
    org_id = http.query_params.get("org_id", "")
    if not org_id:
        raise InvalidInput(detail="org_id is required")
    return org_id


def project_here(http: HttpRequest, directory: Directory, region: str) -> str:
    """The project that the path names. Raises NotFound unless it is pinned to this region."""
    return require_here(http.path_params["project_id"], directory, region)


def require_here(project_id: str, directory: Directory, region: str) -> str:
    """The project. Raises NotFound unless it is pinned to this region."""
    if directory.pin(project_id) != region:
        raise NotFound(ErrorReason.ERROR_REASON_PROJECT_NOT_FOUND)
    return project_id

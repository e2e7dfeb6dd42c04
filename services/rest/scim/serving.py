"""One request of a directory, answered by scim2-server: to be imported late, since it brings pydantic."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeAlias, TypeVar

import msgspec
from google.protobuf.message import Message
from scim2_models import SCIMException
from scim2_server.handler import ScimHandler
from scim2_server.requests import ScimRequest
from scim2_server.responses import ScimResponse
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from mesh.errors import InvalidInput
from sankofa.org.v1.scim_pb2_grpc import ScimServiceStub
from services.rest.scim.bounds import BoundedService
from services.rest.scim.resources import PROVIDER
from services.rest.scim.storage import Ask, PrimaryStorage, Rpc

T = TypeVar("T")
Reach: TypeAlias = Callable[[], Awaitable[ScimServiceStub]]
"""The organisation's primary region. Raises SankofaError."""


class Call(Protocol):
    """Cells.call with the directory's token."""

    async def __call__(self, rpc: Callable[..., Awaitable[T]], request: Message) -> T:
        """Raises SankofaError."""


class Serving:
    """The protocol, the same for all organisations."""

    def __init__(self) -> None:
        self._service = BoundedService(PROVIDER)

    def asked(self, http: HttpRequest, *, root: str, body: bytes) -> ScimRequest:
        """A request as the protocol sees it. Locations are paths: they hold behind any URL that is used.

        Raises InvalidInput where a parameter comes twice.
        """
        query = dict(http.query_params)
        if len(query) != len(http.query_params.multi_items()):
            raise InvalidInput(detail="a parameter of the query comes once")
        method = "GET" if http.method == "HEAD" else http.method
        headers = {"content-type": http.headers.get("content-type", "")}
        return ScimRequest(method, root, http.scope["path"].removeprefix(root), query, headers, body)

    async def answer(self, asked: ScimRequest, *, reach: Reach, call: Call, org_id: str) -> Response:
        """In a thread, since models are validated and patched in Python; what it asks is asked from here.

        Raises SankofaError, where it comes from the primary region or costs too much.
        """
        loop = asyncio.get_running_loop()

        async def reached(rpc: Callable[[ScimServiceStub], Rpc[T]], request: Message) -> T:
            return await call(rpc(await reach()), request)

        def ask(rpc: Callable[[ScimServiceStub], Rpc[T]], request: Message) -> T:
            return asyncio.run_coroutine_threadsafe(reached(rpc, request), loop).result()

        return await asyncio.to_thread(self._answer, asked, ask, org_id)

    def _answer(self, asked: ScimRequest, ask: Ask, org_id: str) -> Response:
        try:
            answer = ScimHandler(self._service, PrimaryStorage(ask=ask, org_id=org_id)).handle(asked)
        except SCIMException as error:
            answer = self._service.error_response(error)
        return _response(answer)


def _response(answer: ScimResponse) -> Response:
    headers = {
        name: value
        for name, value in answer.headers.items()
        if answer.body is not None or name != "Content-Type"
    }
    content = b"" if answer.body is None else msgspec.json.encode(answer.body)
    return Response(content, int(answer.status), headers)

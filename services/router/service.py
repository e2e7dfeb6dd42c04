"""The ext_authz http service of the edge: 200 with the region, or the refusal as text.

Envoy asks `CHECK_PATH` with the client's method, the API key and the path
without its query, and nothing else; it wraps a refusal in our JSON itself,
since only it knows the request id.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import unquote

from starlette.types import Receive, Scope, Send

from mesh.errors import NotFound, SankofaError, Unavailable
from services.router.core import Router

CHECK_PATH = "/route"
PATH_HEADER = b"x-route-path"
REGION_HEADER = b"x-route-region"


class RouterApp:
    """ASGI app: the check of the edge, and its own health."""

    def __init__(self, *, router: Router, on_forward: Callable[[str], None]) -> None:
        self._router = router
        self._on_forward = on_forward

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request; a body, if any, is not read."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "http":
            try:
                headers = self._answer(scope)
            except SankofaError as error:
                await _send(send, error.http_status, body=error.public_text.encode())
            else:
                await _send(send, 200, headers=headers)

    def _answer(self, scope: Scope) -> list[tuple[bytes, bytes]]:
        match scope["path"]:
            case "/healthz":
                return []
            case "/readyz":
                if not self._router.ready():
                    raise Unavailable
                return []
            case path if path == CHECK_PATH:
                return [(REGION_HEADER, self._check(scope).encode())]
        raise NotFound

    def _check(self, scope: Scope) -> str:
        sent: list[tuple[bytes, bytes]] = scope["headers"]
        paths = [value for name, value in sent if name == PATH_HEADER]
        region = self._router.region_of(
            method=scope["method"],
            # Decoded once, as an ASGI server does it for the shim: both must see the same path.
            path=unquote(paths[0].decode("latin-1")) if len(paths) == 1 else "",
            api_keys=[value for name, value in sent if name == b"x-api-key"],
        )
        self._on_forward(region)
        return region


async def _send(
    send: Send, status: int, *, headers: list[tuple[bytes, bytes]] | None = None, body: bytes = b""
) -> None:
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": status, "headers": [*(headers or []), length]})
    await send({"type": "http.response.body", "body": body})


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        event = await receive()
        await send({"type": f"{event['type']}.complete"})
        if event["type"] == "lifespan.shutdown":
            return

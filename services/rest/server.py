"""Which HTTP server runs the shim is decided here and nowhere else: uvicorn with httptools.

Two listeners. The public one is plain HTTP. The edge's is mTLS, and only a
request that arrives there, over a certificate of the role `edge`, carries
`via_edge` in its ASGI state: nothing a client can send sets it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
import tempfile
from typing import ClassVar, Final

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from mesh.errors import InvalidInput
from mesh.http import HttpListener
from mesh.identity import Credentials, Identity
from mesh.regions import GLOBAL
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.rest.lingering import LingeringTransport
from services.rest.responses import RequestIds, error_answer

log = logging.getLogger(__name__)

EDGE_ROLE: Final = "edge"
_KEEP_ALIVE_S: Final = 75  # longer than the edge's idle time-out for upstreams, so that it closes first


class RestServer:
    """Runs the shim on its listeners. Addresses are "host:port"; port 0 takes a free one, "" opens none."""

    def __init__(
        self, *, app: ASGIApp, credentials: Credentials, public_address: str, edge_address: str = ""
    ) -> None:
        region = credentials.identity.region
        public = _config(app, _protocol(region, _PublicProtocol))
        self._listeners = [HttpListener(public, public_address)]
        if edge_address:
            edge = _config(app, _protocol(region, _EdgeProtocol), tls=edge_tls(credentials))
            self._listeners.append(HttpListener(edge, edge_address))

    @property
    def public_port(self) -> int:
        """The port of the public listener."""
        return self._listeners[0].port

    @property
    def edge_port(self) -> int:
        """The port of the edge's listener; 0 where there is none."""
        return self._listeners[1].port if len(self._listeners) > 1 else 0

    async def start(self) -> None:
        """Returns once every listener accepts."""
        for listener in self._listeners:
            await listener.start()

    async def drain(self, grace_s: float) -> None:
        """Takes no new connection, lets requests in flight end for `grace_s` seconds, then ends them."""
        await asyncio.gather(*(listener.drain(grace_s) for listener in self._listeners))


class _PublicProtocol(HttpToolsProtocol):
    """Answers what isn't HTTP in the shim's own error shape, with its region."""

    region: ClassVar[str] = ""
    ids: ClassVar[RequestIds]

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """What the application sends goes out over a transport that lingers."""
        super().connection_made(transport)
        self.transport = self._lingering = LingeringTransport(transport, self)  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """Past the last answer, what arrives is thrown away."""
        if not self._lingering.lingering:
            super().data_received(data)

    def on_response_complete(self) -> None:
        """An answer without a body is complete with its head."""
        self._lingering.flush()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """Called instead of the application where the request can't be parsed."""
        request_id = self.ids.of(None)
        error = InvalidInput(ErrorReason.ERROR_REASON_INVALID_BODY)
        body = error_answer(error, request_id=request_id).body
        head = (
            f"HTTP/1.1 400 Bad Request\r\nx-sankofa-region: {self.region}\r\n"
            f"x-request-id: {request_id.decode('ascii')}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode("ascii") + body)
        self.transport.close()


class _EdgeProtocol(_PublicProtocol):
    """Marks requests of the edge; cuts off whoever holds another certificate of the mesh."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The handshake has verified the certificate against the regions' authorities by now."""
        peer = _peer(transport)
        super().connection_made(transport)
        if peer is None or peer.role != EDGE_ROLE:
            log.warning("edge listener: refused %s", peer)
            transport.abort()
        self.app_state = {**self.app_state, "via_edge": True}


def edge_tls(credentials: Credentials) -> ssl.SSLContext:
    """TLS that demands a client certificate of a region's authority; the global one does not count."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    trusted = [pem.decode() for region, pem in credentials.authorities.items() if region != GLOBAL]
    context.load_verify_locations(cadata="".join(trusted))
    with tempfile.NamedTemporaryFile() as pair:  # 0600, and the ssl module reads keys from files only
        pair.write(credentials.certificate_pem + b"\n" + credentials.key_pem)
        pair.flush()
        context.load_cert_chain(pair.name)
    return context


def _peer(transport: asyncio.Transport) -> Identity | None:
    certificate = transport.get_extra_info("peercert") or {}
    uris = [value for kind, value in certificate.get("subjectAltName", ()) if kind == "URI"]
    with contextlib.suppress(ValueError):
        return Identity.parse(uris[0]) if len(uris) == 1 else None
    return None


def _protocol(region: str, base: type[_PublicProtocol]) -> type[_PublicProtocol]:
    """uvicorn makes one protocol per connection from a class, so what they share is on the class."""
    return type(base.__name__, (base,), {"region": region, "ids": RequestIds()})


def _config(
    app: ASGIApp, protocol: type[HttpToolsProtocol], *, tls: ssl.SSLContext | None = None
) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=protocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        ssl_context_factory=None if tls is None else lambda _config, _default: tls,
    )

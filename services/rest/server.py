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
from contextlib import AsyncExitStack
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from mesh.http import HttpListener
from mesh.identity import Credentials, Identity
from mesh.regions import GLOBAL
from mesh.tasks import background
from services.rest.connections import Connections, Patience
from services.rest.express import Express
from services.rest.protocol import PublicProtocol
from services.rest.responses import RequestIds

log = logging.getLogger(__name__)

EDGE_ROLE: Final = "edge"


class RestServer:
    """Runs the shim on its listeners. Addresses are "host:port"; port 0 takes a free one, "" opens none."""

    def __init__(
        self,
        *,
        app: ASGIApp,
        credentials: Credentials,
        public_address: str,
        edge_address: str = "",
        patience: Patience | None = None,
        express: Express | None = None,
    ) -> None:
        region = credentials.identity.region
        bounds = patience or Patience()
        self._connections = [Connections(bounds)]
        public = _config(app, _protocol(PublicProtocol, region, self._connections[0], express), bounds)
        self._listeners = [HttpListener(public, public_address)]
        if edge_address:
            self._connections.append(Connections(bounds))
            edge = _config(app, _protocol(_EdgeProtocol, region, self._connections[1], express), bounds)
            edge.ssl_context_factory = lambda _config, _default: edge_tls(credentials)
            self._listeners.append(HttpListener(edge, edge_address))
        self._watching = AsyncExitStack()

    @property
    def public_port(self) -> int:
        """The port of the public listener."""
        return self._listeners[0].port

    @property
    def edge_port(self) -> int:
        """The port of the edge's listener; 0 where there is none."""
        return self._listeners[1].port if len(self._listeners) > 1 else 0

    def gauges(self) -> dict[str, float]:
        """For /metrics: connections of all listeners, beside their bound."""
        return {
            "rest_connections": sum(len(each) for each in self._connections),
            "rest_connections_bound": sum(each.patience.max_connections for each in self._connections),
            "rest_refused_connections": sum(each.refused for each in self._connections),
        }

    async def start(self) -> None:
        """Returns once every listener accepts."""
        for connections, listener in zip(self._connections, self._listeners, strict=True):
            background(connections.watch(), name="connections", stack=self._watching)
            await listener.start()

    async def drain(self, grace_s: float) -> None:
        """Takes no new connection, lets requests in flight end for `grace_s` seconds, then ends them."""
        await asyncio.gather(*(listener.drain(grace_s) for listener in self._listeners))
        await self._watching.aclose()


class _EdgeProtocol(PublicProtocol):
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


def _protocol(
    base: type[PublicProtocol], region: str, connections: Connections, express: Express | None
) -> type[PublicProtocol]:
    """uvicorn makes one protocol per connection from a class, so what they share is on the class."""
    shared = {"region": region, "ids": RequestIds(), "open": connections, "express": express}
    return type(base.__name__, (base,), shared)


def _config(app: ASGIApp, protocol: type[PublicProtocol], patience: Patience) -> uvicorn.Config:
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
        timeout_keep_alive=round(patience.keep_alive_s),
    )

"""The server's end of every hop, and the two ports that planes are served on.

DATA and LOCAL are served where only the region's own authority is trusted;
CONTROL, ORG and TRANSFER where all are. Plaintext opens nothing on either.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.descriptor import ServiceDescriptor
from grpc.aio import server as aio_server
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from mesh.arrival import HopInterceptor, HopOf
from mesh.identity import Credentials
from mesh.planes import INTERNAL_PLANES, plane_of
from mesh.streams import Streams

MAX_MESSAGE_BYTES = 64 << 20
OPTIONS: tuple[tuple[str, Any], ...] = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.so_reuseport", 0),
    ("grpc.keepalive_time_ms", 30_000),
    # Without it the server takes our keepalive for abuse, and ends an idle stream after 240 s (measured).
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
)


@dataclass(frozen=True, slots=True)
class Service:
    """A servicer, the generated function that adds it, and its contract."""

    add: Callable[[Any, Any], None]
    servicer: object
    descriptor: ServiceDescriptor

    @property
    def rpcs(self) -> list[str]:
        """Full method names."""
        return [f"/{self.descriptor.full_name}/{method.name}" for method in self.descriptor.methods]

    @property
    def internal(self) -> bool:
        """Which port it is served on. Raises where a method has no plane, or two ports would be needed."""
        ports = {plane_of(rpc) in INTERNAL_PLANES for rpc in self.rpcs}
        if len(ports) != 1:
            raise ValueError(f"{self.descriptor.full_name} mixes planes of both ports: split the service")
        return ports.pop()


class MeshServer:
    """The ports of one process: "host:port", port 0 for any free one, None for none."""

    def __init__(
        self,
        *,
        credentials: Credentials,
        hop_of: HopOf,
        services: Sequence[Service],
        internal: str | None,
        federated: str | None,
    ) -> None:
        self._health = health.aio.HealthServicer()  # type: ignore[attr-defined]
        own = credentials.authorities[credentials.identity.region]
        pooled = b"".join(credentials.authorities.values())
        own_health = Service(
            health_pb2_grpc.add_HealthServicer_to_server,
            self._health,
            health_pb2.DESCRIPTOR.services_by_name["Health"],
        )
        self._servers: list[grpc.aio.Server] = []
        self._streams = Streams()
        self.internal_port = self.federated_port = 0
        if internal is not None:
            inside = [own_health, *(service for service in services if service.internal)]
            self.internal_port = self._listen(credentials, hop_of, inside, internal, own)
        if federated is not None:
            outside = [service for service in services if not service.internal]
            self.federated_port = self._listen(credentials, hop_of, outside, federated, pooled)

    def _listen(
        self,
        credentials: Credentials,
        hop_of: HopOf,
        services: Sequence[Service],
        address: str,
        trusted: bytes,
    ) -> int:
        server = aio_server(interceptors=[HopInterceptor(hop_of, self._streams)], options=OPTIONS)
        for service in services:
            service.add(service.servicer, server)
        pair = (credentials.key_pem, credentials.certificate_pem)
        tls = grpc.ssl_server_credentials([pair], root_certificates=trusted, require_client_auth=True)
        self._servers.append(server)
        return server.add_secure_port(address, tls)

    async def start(self) -> None:
        """Serves, and says so to health checks."""
        for server in self._servers:
            await server.start()
        await self._health.set("", health_pb2.HealthCheckResponse.SERVING)

    async def drain(self, grace_s: float) -> None:
        """Stops taking calls, lets those in flight end for `grace_s` seconds, then ends them."""
        await self._health.enter_graceful_shutdown()
        self._streams.drain()
        for server in self._servers:
            await server.stop(grace_s)

"""gRPC reflection for people with grpcurl: contracts only, on a loopback port that carries no data."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

import grpc
from grpc.aio import server as aio_server
from grpc_reflection.v1alpha import reflection

from mesh.server import Service


async def serve_reflection(address: str, services: Iterable[Service]) -> grpc.aio.Server:
    """Serves the descriptors of `services` at `host:port`. Raises ValueError unless the host is loopback."""
    host = address.rpartition(":")[0].strip("[]")
    if host != "localhost" and not ipaddress.ip_address(host).is_loopback:
        raise ValueError(f"reflection is for this machine only: {address} is not a loopback address")
    server = aio_server()
    names = [service.descriptor.full_name for service in services]
    reflection.enable_server_reflection([*names, reflection.SERVICE_NAME], server)
    server.add_insecure_port(address)
    await server.start()
    return server

"""Reflection shows contracts on loopback, and is nowhere else."""

from __future__ import annotations

import grpc
import pytest
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.reflection_pb2_grpc import ServerReflectionStub

from mesh.reflection import serve_reflection
from mesh.server import Service
from sankofa.query.v1 import query_pb2, query_pb2_grpc

pytestmark = [pytest.mark.network]

QUERY = Service(
    query_pb2_grpc.add_QueryServiceServicer_to_server,
    query_pb2_grpc.QueryServiceServicer(),
    query_pb2.DESCRIPTOR.services_by_name["QueryService"],
)


async def test_reflection_lists_the_services_and_serves_none_of_them(unused_tcp_port: int) -> None:
    address = f"127.0.0.1:{unused_tcp_port}"
    server = await serve_reflection(address, [QUERY])
    async with grpc.aio.insecure_channel(address) as channel:
        call = ServerReflectionStub(channel).ServerReflectionInfo()
        await call.write(reflection_pb2.ServerReflectionRequest(list_services=""))
        listed = (await call.read()).list_services_response.service
        assert QUERY.descriptor.full_name in {service.name for service in listed}
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await query_pb2_grpc.QueryServiceStub(channel).ListEvents(query_pb2.ListEventsRequest())
        assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED
    await server.stop(None)


async def test_reflection_off_loopback_is_refused() -> None:
    with pytest.raises(ValueError, match="loopback"):
        await serve_reflection("0.0.0.0:0", [QUERY])

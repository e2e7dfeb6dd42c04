"""RegistryService: the caller's region is what its certificate says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc

from mesh.context import current
from sankofa.registry.v1 import registry_pb2 as pb
from sankofa.registry.v1.registry_pb2_grpc import RegistryServiceServicer
from services.region_registry.core import Registry
from storage.registry.rules import Position

Context = grpc.aio.ServicerContext[Any, Any]


class RegistryService(RegistryServiceServicer):
    """Answers every region of the mesh."""

    def __init__(self, *, registry: Registry) -> None:
        self._registry = registry

    async def PutRows(self, request: pb.PutRowsRequest, context: Context) -> pb.PutRowsResponse:
        """Writes rows of the caller's own region."""
        position = await self._registry.put(current().caller.region, request.rows)
        return pb.PutRowsResponse(feed_id=position.feed_id, seq=position.seq)

    async def FindLoginHint(
        self, request: pb.FindLoginHintRequest, context: Context
    ) -> pb.FindLoginHintResponse:
        """Finds the home region of an account, so often."""
        found = await self._registry.find_login_hint(current().caller.region, request.hint)
        return (
            pb.FindLoginHintResponse(row=found[0], signer=found[1]) if found else pb.FindLoginHintResponse()
        )

    async def Watch(self, request: pb.WatchRequest, context: Context) -> AsyncIterator[pb.WatchResponse]:
        """Streams a snapshot and then every change. Any region may watch all: they are routing facts."""
        known = Position(request.feed_id, request.after_seq)
        async for response in self._registry.watch(known, request.region or None):
            yield response

"""How far the access feeds have been taken: so that who changes a role can say when it counts here."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import Final

from mesh.context import current
from mesh.errors import CrossingRefused
from sankofa.ingest.v1.access_pb2 import AwaitRequest, AwaitResponse
from sankofa.ingest.v1.access_pb2_grpc import AccessReceiptServiceServicer
from sankofa.residency.v1.error_pb2 import ErrorReason

WAIT_S: Final = 2.0
CELL: Final = "cell"


class Receipts:
    """The newest number taken of each primary region's feed, since this process began to follow it."""

    def __init__(self) -> None:
        self._taken: defaultdict[str, int] = defaultdict(int)
        self._noted = asyncio.Condition()

    async def note(self, primary_region: str, epoch: int) -> None:
        """Says that every change up to a number is in the directory."""
        async with self._noted:
            self._taken[primary_region] = max(self._taken[primary_region], epoch)
            self._noted.notify_all()

    async def reached(self, primary_region: str, epoch: int, *, wait_s: float = WAIT_S) -> bool:
        """Waits for it; False where that takes longer."""
        try:
            async with asyncio.timeout(wait_s), self._noted:
                await self._noted.wait_for(lambda: self._taken[primary_region] >= epoch)
        except TimeoutError:
            return False
        return True


class ReceiptServicer(AccessReceiptServiceServicer):
    """AccessReceiptService on the wire."""

    def __init__(self, *, receipts: Receipts) -> None:
        self._receipts = receipts

    async def Await(self, request: AwaitRequest, context: object) -> AwaitResponse:
        """For a region about its own feed."""
        caller = current().caller
        if caller.role != CELL:
            raise CrossingRefused(ErrorReason.ERROR_REASON_ROLE_FORBIDDEN)
        if caller.region != request.primary_region:
            raise CrossingRefused
        return AwaitResponse(taken=await self._receipts.reached(request.primary_region, request.epoch))

"""Rate limits of a region: the budgets of its keys, lent to its REST processes a little at a time.

They are in memory only: an ingest that starts again begins new windows.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import grpc

from mesh.windows import MINUTE_S, Windows
from sankofa.ingest.v1.rate_pb2 import LeaseRateRequest, LeaseRateResponse, RateAsk, RateLease
from sankofa.ingest.v1.rate_pb2_grpc import RateServiceServicer

Context = grpc.aio.ServicerContext[Any, Any]


class Budgets:
    """What the keys of a region have used of their windows; no clock but `clock` (seconds) decides."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._windows = Windows(MINUTE_S, clock=clock)

    def lend(self, ask: RateAsk, limit: int) -> RateLease:
        """What waits gets all that is left; what is ahead half of the rest, so that others find some."""
        window = self._windows.of(ask.key_id)
        if ask.window == window.number:
            window.used -= min(ask.returned, window.used)
        left = max(0, limit - window.used)
        granted = min(ask.needed, left)
        granted += min(ask.ahead, (left - granted) // 2)
        window.used += granted
        left_ms = int(self._windows.left_s(window) * 1000)
        return RateLease(granted=granted, window=window.number, window_left_ms=left_ms)

    def gauges(self) -> dict[str, float]:
        """For /metrics; no key is named."""
        return {"ingest_rate_windows": len(self._windows)}


class RateService(RateServiceServicer):
    """Lends to the REST processes of the region."""

    def __init__(self, *, budgets: Budgets) -> None:
        self._budgets = budgets

    async def LeaseRate(self, request: LeaseRateRequest, context: Context) -> LeaseRateResponse:
        """One lease for each ask."""
        return LeaseRateResponse(leases=[self._budgets.lend(ask, request.limit) for ask in request.asks])

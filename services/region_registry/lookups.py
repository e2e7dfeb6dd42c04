"""How often a region may look accounts up: so that none tries e-mails out, and none keeps others waiting.

A region is what its certificate says. Each is counted by itself, and each hint within its region: a flood of
one region, or of one account from there, takes nothing from what others have. In the memory of this process.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from mesh.errors import RateLimited
from mesh.windows import MINUTE_S, Windows
from sankofa.residency.v1.error_pb2 import ErrorReason


class LookUps:
    """Of all regions; both limits are a minute's, 0 is none. No clock but `clock` (seconds) decides."""

    def __init__(
        self, *, per_region: int, per_hint: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_region = per_region
        self._per_hint = per_hint
        self._clock = clock
        self._regions = Windows(MINUTE_S, clock=clock)
        self._hints: dict[str, Windows] = {}

    def count(self, region: str, hint: str) -> None:
        """One look-up. Raises RateLimited(LOOKUP_THROTTLED), which counts for nothing."""
        wait_s = 0.0
        if self._per_hint:
            hints = self._hints.setdefault(region, Windows(MINUTE_S, clock=self._clock))
            wait_s = hints.take(hint, self._per_hint)
        # What one account is asked for too often is not taken from the other accounts of its region.
        if self._per_region and not wait_s:
            wait_s = self._regions.take(region, self._per_region)
        if wait_s:
            raise RateLimited(ErrorReason.ERROR_REASON_LOOKUP_THROTTLED, retry_after_s=math.ceil(wait_s))

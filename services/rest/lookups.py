"""How often one address may look accounts up in a minute, before the registry is asked for any.

Otherwise who tries e-mails out uses up what the registry grants the region, and nobody there could log in.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from mesh.errors import RateLimited
from mesh.windows import MINUTE_S, Windows
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.rest.rate import MOST_ADDRESSES, network_of


class LookUps:
    """Of one process; `per_minute` 0 is no limit."""

    def __init__(self, per_minute: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._addresses = Windows(MINUTE_S, clock=clock, most=MOST_ADDRESSES)

    def count(self, address: str) -> None:
        """One look-up for whoever is at an address. Raises RateLimited(LOOKUP_THROTTLED)."""
        if self._per_minute and address:
            wait_s = self._addresses.take(network_of(address), self._per_minute)
            if wait_s:
                reason = ErrorReason.ERROR_REASON_LOOKUP_THROTTLED
                raise RateLimited(reason, retry_after_s=math.ceil(wait_s))

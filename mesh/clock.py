"""The time of day, as stores and contracts have it."""

from __future__ import annotations

import time


def wall_ms() -> int:
    """Milliseconds since 1970, UTC. What measures a duration takes time.monotonic()."""
    return time.time_ns() // 1_000_000

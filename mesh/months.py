"""Calendar months, UTC: what quotas and billing count by. A month is a number: 202611 is November 2026."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

_HOUR_MS: Final = 3_600_000


def month_of(at_ms: int) -> int:
    """The month of a time, milliseconds since 1970."""
    return _of_hour(at_ms // _HOUR_MS)


@lru_cache(maxsize=64)
def _of_hour(hour: int) -> int:
    at = datetime.fromtimestamp(hour * 3600, UTC)
    return at.year * 100 + at.month


def earlier(month: int, months: int) -> int:
    """The month so many before; a negative number is after."""
    index = month // 100 * 12 + month % 100 - 1 - months
    return index // 12 * 100 + index % 12 + 1


def begins_ms(month: int) -> int:
    """When a month begins, milliseconds since 1970; the next one's beginning is its end."""
    return int(datetime(month // 100, month % 100, 1, tzinfo=UTC).timestamp()) * 1000


def label(month: int) -> str:
    """As people write it: 2026-11."""
    return f"{month // 100:04}-{month % 100:02}"

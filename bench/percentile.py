"""Percentiles of a few measurements."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil


def percentile(values: Sequence[float], per_cent: float) -> float:
    """The smallest value that so many per cent of all do not exceed (nearest rank)."""
    return sorted(values)[max(ceil(len(values) * per_cent / 100) - 1, 0)]

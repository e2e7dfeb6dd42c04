"""The way to the log for what is within its project's budget."""

from __future__ import annotations

from collections.abc import Sequence

from services.ingest.quota.meters import Meters
from services.ingest.service import Appender
from storage.log import Append, Outcome


class QuotaAdmission:
    """An Appender before another. Whole requests pass or are refused, before a byte of them is stored."""

    def __init__(self, *, meters: Meters, behind: Appender) -> None:
        self._meters = meters
        self._behind = behind

    async def append(self, appends: Sequence[Append]) -> list[Outcome]:
        """As the one behind it, and answers RateLimited, or Unavailable, to what is over a budget."""
        take = self._meters.take
        refused = [None if one.counted is None else take(one.counted) for one in appends]
        if not any(refused):
            return await self._append(appends)
        passed = [append for append, refusal in zip(appends, refused, strict=True) if refusal is None]
        stored = iter(await self._append(passed) if passed else ())
        return [next(stored) if refusal is None else refusal for refusal in refused]

    async def _append(self, appends: Sequence[Append]) -> list[Outcome]:
        try:
            return await self._behind.append(appends)
        finally:
            settle = self._meters.settle
            for one in appends:
                if one.counted is not None:
                    settle(one.counted)

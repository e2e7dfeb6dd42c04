"""The way to the log for what is within its project's budget."""

from __future__ import annotations

from collections.abc import Sequence

from services.ingest.quota.meters import Meters
from services.ingest.service import Appender
from storage.log import Append, Counted, Outcome


class QuotaAdmission:
    """An Appender before another. Whole requests pass or are refused, before a byte of them is stored."""

    def __init__(self, *, meters: Meters, behind: Appender) -> None:
        self._meters = meters
        self._behind = behind

    async def append(self, appends: Sequence[Append]) -> list[Outcome]:
        """As the one behind it, and answers RateLimited, or Unavailable, to what is over a budget."""
        unlimited = self._meters.unlimited
        limited = [one.counted for one in appends if one.counted and one.counted.project_id not in unlimited]
        return await (self._within(appends, limited) if limited else self._behind.append(appends))

    async def _within(self, appends: Sequence[Append], limited: Sequence[Counted]) -> list[Outcome]:
        refusals = {id(counted): self._meters.take(counted) for counted in limited}
        refused = [refusals.get(id(one.counted)) for one in appends]
        try:
            passed = [append for append, refusal in zip(appends, refused, strict=True) if refusal is None]
            stored = iter(await self._behind.append(passed) if passed else ())
        finally:
            for counted in limited:
                if refusals[id(counted)] is None:
                    self._meters.settle(counted)
        return [next(stored) if refusal is None else refusal for refusal in refused]

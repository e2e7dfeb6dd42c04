"""Lets rows of the region's audit logs go when their time is over: of organisations and of projects."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from mesh.clock import wall_ms
from mesh.errors import SankofaError
from storage.records.audit.expiry import AuditExpiry
from storage.records.audit.reading import Log

_log = logging.getLogger(__name__)

_DAY_MS: Final = int(timedelta(days=1).total_seconds() * 1000)


class Expirer:
    """Looks at every log, again and again. What can't be done now is done with the next look."""

    def __init__(
        self, *, records: AuditExpiry, every_s: float, clock_ms: Callable[[], int] = wall_ms
    ) -> None:
        self._records = records
        self._every_s = every_s
        self._clock_ms = clock_ms

    async def run(self) -> None:
        """Runs until cancelled; begins with a pause, as a start has more urgent things to do."""
        while True:
            await asyncio.sleep(self._every_s)
            await self.once()

    async def once(self) -> int:
        """One look at every log; how many rows went."""
        gone = 0
        for log in Log:
            try:
                kept = await self._records.kept_days(log)
            except SankofaError as error:
                _log.warning("audit logs keep their old rows for now: %s", error.public_text)
                continue
            for scope, days in kept.items():
                gone += await self._expire(log, scope, self._clock_ms() - days * _DAY_MS)
        return gone

    async def _expire(self, log: Log, scope: str, before_ms: int) -> int:
        try:
            gone = await self._records.expire(log, scope, before_ms)
        except SankofaError as error:  # it moves, or has moved
            _log.info("the audit log of %s keeps its old rows for now: %s", scope, error.public_text)
            return 0
        if gone:
            _log.info("%d rows of the audit log of %s were past their time", gone, scope)
        return gone

"""Brings the ledger's counters to the region's cell, each second, and those of killed processes once."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

from mesh.client import GuardedChannel
from mesh.errors import SankofaError
from mesh.ledger import Ledger
from sankofa.residency.v1.ledger_pb2 import ReportRequest
from sankofa.residency.v1.ledger_pb2_grpc import LedgerServiceStub

log = logging.getLogger(__name__)

INTERVAL = timedelta(seconds=1)
TIMEOUT_S = 5.0


class LedgerReporter:
    """Reports the counters of one process. Nothing is lost while the cell is away: counters only grow."""

    def __init__(self, *, ledger: Ledger, channel: GuardedChannel, interval: timedelta = INTERVAL) -> None:
        self._ledger = ledger
        self._stub = LedgerServiceStub(channel)
        self._interval_s = interval.total_seconds()
        self._away = False

    async def run(self) -> None:
        """Reports until cancelled."""
        while True:
            await self.report_once()
            await asyncio.sleep(self._interval_s)

    async def report_once(self) -> None:
        """One report of this process, and of every killed one whose file is still here."""
        if await self._sent(self._ledger.report()):
            for path, final in self._ledger.orphans():
                if await self._sent(final):
                    path.unlink(missing_ok=True)

    async def _sent(self, report: ReportRequest) -> bool:
        try:
            await self._stub.Report(report, timeout=TIMEOUT_S)
        except SankofaError as error:
            if not self._away:
                log.warning("ledger: the cell does not take reports (%s); trying each second", error)
            self._away = True
            return False
        self._away = False
        return True

"""Tells the primary regions what was counted, and asks them for budgets.

Each primary region has its own exchange: one that is away holds up no other. What it has not heard is said
again; totals are totals, so nothing is counted twice. What a project gives back is on disk before it is told:
the other way round, a restart would count up to what has been lent to others.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from contextlib import suppress
from typing import Final

from mesh.client import GuardedChannel
from mesh.directory import Directory, RegionFact
from mesh.errors import SankofaError
from mesh.node import Node
from sankofa.org.v1.plan_pb2 import LeaseRequest, LeaseResponse, UsageLease, UsageReport
from sankofa.org.v1.plan_pb2_grpc import UsageServiceStub
from services.ingest.quota.meter import Ask, Lease
from services.ingest.quota.meters import Meters
from storage.records.budgets import BudgetRecords

_log = logging.getLogger(__name__)

CALL_TIMEOUT_S: Final = 5.0
LEAST_PAUSE_S: Final = 0.1
"""Between two exchanges with one region, however much is wanted; after one that failed, `every_s`."""

REPORTS_A_CALL: Final = 1000
BUDGETS_A_WRITE: Final = 1000


class Asker:
    """`every_s`: how old a total may be that a primary region has, and how long one that is away is left."""

    def __init__(
        self, *, node: Node, directory: Directory, meters: Meters, records: BudgetRecords, every_s: float
    ) -> None:
        self._node = node
        self._directory = directory
        self._meters = meters
        self._records = records
        self._every_s = every_s
        self._exchanges: dict[str, asyncio.Task[None]] = {}
        self._channels: dict[RegionFact, GuardedChannel] = {}
        self._away = set[str]()
        self._saving = asyncio.Lock()

    async def run(self) -> None:
        """Runs until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                while True:
                    self._meters.give_back()
                    await self._save()
                    for primary, asks in self._due().items():
                        if primary.id not in self._exchanges:
                            work = self._exchange(primary, asks)
                            self._exchanges[primary.id] = tasks.create_task(
                                work, name=f"usage of {primary.id}"
                            )
                    with suppress(TimeoutError):
                        async with asyncio.timeout(self._every_s):
                            await self._meters.wanted.wait()
                    self._meters.wanted.clear()
                    await asyncio.sleep(LEAST_PAUSE_S)
        finally:
            for channel in self._channels.values():
                await channel.close()

    def _due(self) -> dict[RegionFact, list[tuple[Ask, str]]]:
        """Asks with their organisations, by the primary region that answers now."""
        due: dict[RegionFact, list[tuple[Ask, str]]] = defaultdict(list)
        for ask in self._meters.asks():
            project = self._directory.project(ask.project_id)
            org = project and self._directory.org(project.org_id)
            primary = org and self._directory.region(org.primary_region)
            if project and primary and primary.org_at and primary.id in self._node.credentials.authorities:
                due[primary].append((ask, project.org_id))
        return due

    async def _exchange(self, primary: RegionFact, asks: list[tuple[Ask, str]]) -> None:
        try:
            for start in range(0, len(asks), REPORTS_A_CALL):
                await self._ask(primary, asks[start : start + REPORTS_A_CALL])
            self._away.discard(primary.id)
        except SankofaError as error:
            level = logging.DEBUG if primary.id in self._away else logging.INFO
            self._away.add(primary.id)
            _log.log(level, "%s takes no usage now (%s): it is told later", primary.id, error)
            await asyncio.sleep(self._every_s)
        finally:
            del self._exchanges[primary.id]

    async def _ask(self, primary: RegionFact, asks: list[tuple[Ask, str]]) -> None:
        reports = [UsageReport(org_id=org_id, **ask._asdict()) for ask, org_id in asks]
        request = LeaseRequest(primary_region=primary.id, reports=reports)
        stub = UsageServiceStub(self._channel(primary))
        response: LeaseResponse = await stub.Lease(request, timeout=CALL_TIMEOUT_S)
        sent = {(ask.project_id, ask.month): ask for ask, _ in asks}
        for lease in response.leases:
            ask = sent.get((lease.project_id, lease.month))
            if ask is not None:
                self._meters.answered(ask, _lease(lease))
        await self._save()

    async def _save(self) -> None:
        """One write at a time, of what holds then: an older one can't end after a newer one."""
        async with self._saving:
            try:
                while budgets := self._meters.unsaved(BUDGETS_A_WRITE):
                    await self._records.put_budgets(budgets)
                    self._meters.saved(budgets)
            except SankofaError as error:
                _log.warning("budgets are kept later (%s): nothing is given back meanwhile", error)

    def _channel(self, primary: RegionFact) -> GuardedChannel:
        if primary not in self._channels:
            self._channels[primary] = self._node.channel(primary.id, primary.org_at)
        return self._channels[primary]


def _lease(lease: UsageLease) -> Lease:
    return Lease(lease.budget, lease.unlimited, lease.exhausted, lease.number, lease.reserved)

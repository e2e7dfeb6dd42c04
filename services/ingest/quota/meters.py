"""The meters of a region's projects: what is within their budgets, what is to be told and to be kept.

A budget is a total, not an amount: a project may count up to it, whoever restarts when. Without a word from
the primary region a project has FIRST_BUDGET in a month, so that no event waits for a call between regions;
and no bound, where its plan has none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from math import ceil
from typing import Final

from mesh.clock import wall_ms
from mesh.errors import RateLimited, SankofaError, Unavailable
from mesh.months import begins_ms, earlier
from mesh.plans import LARGEST_LEASE, SMALLEST_LEASE, Plan, refuses
from sankofa.residency.v1.error_pb2 import ERROR_REASON_QUOTA_EXCEEDED, ERROR_REASON_QUOTA_UNKNOWN
from services.ingest.quota.meter import Ask, Lease, Meter
from storage.log import Counted
from storage.records.budgets import Budget

Totals = Mapping[int, Mapping[str, int]]
LONGEST_WAIT_S: Final = 3600
"""A month may be long, and an upgrade opens it at once: a client is told to look again each hour at least."""


class Meters:
    """All meters of a region, for one event loop. `totals`: what the log has counted."""

    def __init__(
        self,
        *,
        totals: Callable[[], Totals],
        known: Sequence[Budget],
        plans: Mapping[str, Plan],
        clock_ms: Callable[[], int] = wall_ms,
    ) -> None:
        self._totals = totals
        self._clock_ms = clock_ms
        self._meters: dict[str, Meter] = {}
        self.unlimited = {project_id for project_id, plan in plans.items() if not refuses(plan)}
        """Projects that are never refused, and need not be asked about."""
        for one in known:  # written again with each change of plan, whoever told it first
            (self.unlimited.add if one.unlimited else self.unlimited.discard)(one.project_id)
            meter = self._meters[one.project_id] = Meter(one.month, one.events, unlimited=one.unlimited)
            meter.asked_total = self._total(one.month, one.project_id)
        self._holding = set[str]()
        self._unsaved = set[str]()
        self._told: dict[tuple[str, int], int] = {}
        self._refused = dict.fromkeys(("exceeded", "unknown"), 0)
        self.wanted = asyncio.Event()
        """Set while an answer of a primary region is wanted soon."""

    def take(self, counted: Counted) -> SankofaError | None:
        """Takes events from the budget of a project that has one, until `settle`, or says why not."""
        meter = self._meters.get(counted.project_id)
        if meter is None or counted.month > meter.month:
            meter = self._meters[counted.project_id] = Meter(counted.month)
            self.wanted.set()
        elif counted.month < meter.month:
            return self._unknown()  # it came as its month ended: sent again, it is of the next one
        used = self._total(counted.month, counted.project_id) + meter.pending
        left = meter.budget - used - counted.events
        if left >= 0:
            if left < meter.low:
                self.wanted.set()
            meter.pending += counted.events
            return None
        meter.needed = min(meter.needed + counted.events, LARGEST_LEASE)
        return self._exceeded(meter) if meter.exhausted else self._unknown()

    def settle(self, counted: Counted) -> None:
        """The log has counted what was taken, or never will."""
        meter = self._meters[counted.project_id]
        if meter.month == counted.month:
            meter.pending = max(0, meter.pending - counted.events)

    def give_back(self) -> None:
        """Projects that have been quiet hold themselves to less. It is to be saved before it is told."""
        for project_id in list(self._holding):
            meter = self._meters[project_id]
            before = meter.budget
            if meter.give_back(self._used(project_id, meter), self._clock_ms()):
                self._holding.discard(project_id)
            if meter.budget != before:
                self._unsaved.add(project_id)

    def asks(self) -> list[Ask]:
        """Of every project and month that has something to say which nobody has heard."""
        due: dict[tuple[str, int], int] = {}
        for month, projects in dict(self._totals()).items():
            for project_id, total in dict(projects).items():
                if self._told.get((project_id, month)) != total:
                    due[project_id, month] = total
        for project_id, meter in self._meters.items():
            lower = meter.budget < meter.reserved and meter.holds_less(self._used(project_id, meter))
            if meter.needed or lower:
                due.setdefault((project_id, meter.month), self._total(meter.month, project_id))
        return [self._ask(project_id, month, total) for (project_id, month), total in due.items()]

    def answered(self, ask: Ask, lease: Lease) -> None:
        """Takes the answer to an ask. What is to be kept of it is among what is unsaved."""
        self._told[ask.project_id, ask.month] = ask.total
        meter = self._meters.get(ask.project_id)
        before = meter is not None and meter.unlimited
        if meter is None or ask.month > meter.month:
            meter = self._meters[ask.project_id] = Meter(ask.month)
        if ask.month < meter.month or not meter.take(lease, ask):
            return
        (self.unlimited.add if lease.unlimited else self.unlimited.discard)(ask.project_id)
        if lease.number and not lease.unlimited:
            self._holding.add(ask.project_id)
        if meter.unlimited != before or not (meter.unlimited or meter.budget == meter.kept):
            self._unsaved.add(ask.project_id)

    def plans_told(self, plans: Mapping[str, Plan]) -> None:
        """A plan that refuses nothing counts at once, and so does one that refuses again."""
        for project_id, plan in plans.items():
            unlimited = not refuses(plan)
            (self.unlimited.add if unlimited else self.unlimited.discard)(project_id)
            meter = self._meters.get(project_id)
            if meter is not None and meter.unlimited != unlimited:
                meter.unlimited = unlimited
                self._unsaved.add(project_id)
                self.wanted.set()

    def unsaved(self, most: int) -> list[Budget]:
        """What is to be on disk and is not, so many at most. Until it is, the higher of both is told."""
        budgets = []
        for project_id in list(self._unsaved)[:most]:
            meter = self._meters[project_id]
            meter.kept = max(meter.kept, meter.budget)
            budgets.append(Budget(project_id, meter.month, meter.budget, meter.unlimited))
        return budgets

    def saved(self, budgets: Sequence[Budget]) -> None:
        """They are on disk."""
        for one in budgets:
            meter = self._meters[one.project_id]
            if meter.month != one.month:
                continue
            meter.kept = one.events
            if (meter.budget, meter.unlimited) == (one.events, one.unlimited):
                self._unsaved.discard(one.project_id)

    def gauges(self) -> dict[str, float]:
        """For /metrics; no project is named."""
        return {f"ingest_refused_quota_{name}": count for name, count in self._refused.items()}

    def _ask(self, project_id: str, month: int, total: int) -> Ask:
        """Twice of what came since the last ask is asked for ahead, in bounds."""
        meter = self._meters.get(project_id)
        if meter is None or meter.month != month:
            return Ask(project_id, month, total, 0, SMALLEST_LEASE if meter is None else 0)
        recent = total - meter.asked_total
        ahead = 0 if meter.unlimited else max(SMALLEST_LEASE, min(2 * recent, LARGEST_LEASE))
        holds = meter.holds(self._used(project_id, meter))
        return Ask(project_id, month, total, meter.needed, ahead, meter.number, holds)

    def _total(self, month: int, project_id: str) -> int:
        return self._totals().get(month, {}).get(project_id, 0)

    def _used(self, project_id: str, meter: Meter) -> int:
        return self._total(meter.month, project_id) + meter.pending

    def _unknown(self) -> SankofaError:
        """503 where nobody knows: the primary region has not said that the quota is used up."""
        self.wanted.set()
        self._refused["unknown"] += 1
        return Unavailable(ERROR_REASON_QUOTA_UNKNOWN)

    def _exceeded(self, meter: Meter) -> SankofaError:
        self._refused["exceeded"] += 1
        left_s = ceil((begins_ms(earlier(meter.month, -1)) - self._clock_ms()) / 1000)
        return RateLimited(ERROR_REASON_QUOTA_EXCEEDED, retry_after_s=min(max(1, left_s), LONGEST_WAIT_S))

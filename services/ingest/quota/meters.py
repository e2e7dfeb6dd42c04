"""One meter for each project: what it may count this month, as its organisation's primary region has said.

A budget is a total, not an amount: a project may count up to it, whoever restarts when. Without a word from
the primary region a project has FIRST_BUDGET in a month, so that no event waits for a call between regions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from math import ceil
from typing import Final, NamedTuple

from mesh.clock import wall_ms
from mesh.errors import RateLimited, SankofaError, Unavailable
from mesh.months import begins_ms, earlier
from mesh.plans import FIRST_BUDGET, LARGEST_LEASE, SMALLEST_LEASE
from sankofa.residency.v1.error_pb2 import ERROR_REASON_QUOTA_EXCEEDED, ERROR_REASON_QUOTA_UNKNOWN
from storage.log import Counted
from storage.records.budgets import Budget

Totals = Mapping[int, Mapping[str, int]]
LONGEST_WAIT_S: Final = 3600
"""A month may be long, and an upgrade opens it at once: a client is told to look again each hour at least."""


class Ask(NamedTuple):
    """What a project's region says and wants: see UsageReport in plan.proto."""

    project_id: str
    month: int
    total: int
    needed: int
    ahead: int


class _Meter:
    __slots__ = ("asked_total", "budget", "exhausted", "low", "month", "needed", "pending", "unlimited")

    def __init__(self, month: int, budget: int, *, unlimited: bool) -> None:
        self.month, self.budget, self.unlimited = month, budget, unlimited
        self.exhausted = False
        self.pending = self.needed = self.asked_total = 0
        self.low = SMALLEST_LEASE // 2


class Meters:
    """All meters of a region, for one event loop. `totals`: what the log has counted."""

    def __init__(
        self,
        *,
        totals: Callable[[], Totals],
        known: Sequence[Budget],
        clock_ms: Callable[[], int] = wall_ms,
    ) -> None:
        self._totals = totals
        self._clock_ms = clock_ms
        self._meters = {
            one.project_id: _Meter(one.month, one.events, unlimited=one.unlimited) for one in known
        }
        self.unlimited = {one.project_id for one in known if one.unlimited}
        """Projects that are never refused, and need not be asked about."""
        self._told: dict[tuple[str, int], int] = {}
        self._refused = dict.fromkeys(("exceeded", "unknown"), 0)
        self.wanted = asyncio.Event()
        """Set while an answer of a primary region is wanted soon."""

    def take(self, counted: Counted) -> SankofaError | None:
        """Takes events from the budget of a project that has one, until `settle`, or says why not."""
        meter = self._meters.get(counted.project_id)
        if meter is None:
            meter = self._meters[counted.project_id] = _Meter(counted.month, FIRST_BUDGET, unlimited=False)
            self.wanted.set()
        if counted.month > meter.month:
            meter = self._meters[counted.project_id] = _Meter(counted.month, FIRST_BUDGET, unlimited=False)
        used = self._total(counted.month, counted.project_id) + meter.pending
        left = meter.budget - used - counted.events
        if left >= 0:
            if left < meter.low:
                self.wanted.set()
            meter.pending += counted.events
            return None
        meter.needed = min(meter.needed + counted.events, LARGEST_LEASE)
        return self._refusal(meter)

    def settle(self, counted: Counted) -> None:
        """The log has counted what was taken, or never will."""
        meter = self._meters[counted.project_id]
        if meter.month == counted.month:
            meter.pending = max(0, meter.pending - counted.events)

    def asks(self) -> list[Ask]:
        """Of every project and month that has something to say which nobody has heard."""
        asks = []
        for month, projects in dict(self._totals()).items():
            for project_id, total in dict(projects).items():
                meter = self._meters.get(project_id)
                current = meter is not None and meter.month == month
                if self._told.get((project_id, month)) != total or (meter and current and meter.needed):
                    asks.append(self._ask(project_id, month, total, meter if current else None))
        # A project that was refused its very first events has no total.
        refused = [(name, meter) for name, meter in self._meters.items() if meter.needed]
        asks += [
            self._ask(name, meter.month, 0, meter)
            for name, meter in refused
            if not self._total(meter.month, name)
        ]
        return asks

    def answered(self, ask: Ask, *, budget: int, unlimited: bool, exhausted: bool) -> Budget | None:
        """Takes the answer to an ask; what is to be kept of it, where it is news."""
        self._told[ask.project_id, ask.month] = ask.total
        meter = self._meters.get(ask.project_id)
        if meter is None:
            meter = self._meters[ask.project_id] = _Meter(ask.month, FIRST_BUDGET, unlimited=False)
        elif ask.month < meter.month:
            return None
        before = meter.month, meter.budget, meter.unlimited
        if ask.month > meter.month:
            meter.pending = 0
        meter.month, meter.unlimited, meter.exhausted = ask.month, unlimited, exhausted
        (self.unlimited.add if unlimited else self.unlimited.discard)(ask.project_id)
        if not unlimited:
            meter.budget = budget
            meter.low = max(0, min(budget - ask.total, ask.ahead) // 2)
        meter.needed, meter.asked_total = 0, ask.total
        now = meter.month, meter.budget, meter.unlimited
        changed = before != now and not (unlimited and before[2])
        return Budget(ask.project_id, meter.month, meter.budget, meter.unlimited) if changed else None

    def gauges(self) -> dict[str, float]:
        """For /metrics; no project is named."""
        return {f"ingest_refused_quota_{name}": count for name, count in self._refused.items()}

    def _ask(self, project_id: str, month: int, total: int, meter: _Meter | None) -> Ask:
        """Twice of what came since the last ask is asked for ahead, in bounds."""
        if meter is None:
            current = project_id not in self._meters
            return Ask(project_id, month, total, 0, SMALLEST_LEASE if current else 0)
        recent = total - meter.asked_total
        ahead = 0 if meter.unlimited else max(SMALLEST_LEASE, min(2 * recent, LARGEST_LEASE))
        return Ask(project_id, month, total, meter.needed, ahead)

    def _total(self, month: int, project_id: str) -> int:
        return self._totals().get(month, {}).get(project_id, 0)

    def _refusal(self, meter: _Meter) -> SankofaError:
        """429 where the primary region has said that the quota is used up; where nobody knows, 503."""
        if not meter.exhausted:
            self.wanted.set()
            self._refused["unknown"] += 1
            return Unavailable(ERROR_REASON_QUOTA_UNKNOWN)
        self._refused["exceeded"] += 1
        left_s = ceil((begins_ms(earlier(meter.month, -1)) - self._clock_ms()) / 1000)
        return RateLimited(ERROR_REASON_QUOTA_EXCEEDED, retry_after_s=min(max(1, left_s), LONGEST_WAIT_S))

"""Regions that count and the primary region that lends to them, without servers: the real rules."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from mesh.errors import SankofaError
from mesh.months import begins_ms
from mesh.plans import FIRST_BUDGET, TERMS, Plan
from services.ingest.quota.meter import Ask, Lease
from services.ingest.quota.meters import Meters
from services.org.plans.leases import LEASE, lend
from storage.log import Counted
from storage.records.budgets import Budget
from storage.records.plans import Lent, Others, Reported, Usage

NOVEMBER, DECEMBER = 202611, 202612
QUOTA = TERMS["hobby"].monthly_events or 0
LEASE_MS = LEASE // timedelta(milliseconds=1)


@dataclass
class Region:
    """A region with one project, a log that counts what it is given, and a disk with the last budget."""

    project_id: str = "proj_1"
    disk: Budget | None = None
    now_ms: int = begins_ms(NOVEMBER)
    totals: dict[int, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))
    plans: dict[str, Plan] = field(default_factory=dict)
    failing: Literal["", "before", "after"] = ""
    meters: Meters = field(init=False)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        self.meters = Meters(
            totals=lambda: self.totals,
            known=[self.disk] if self.disk else [],
            plans=self.plans,
            clock_ms=lambda: self.now_ms,
        )

    def told(self, plan: Plan) -> None:
        """By the access feed: on disk, then in force."""
        self.plans[self.project_id] = plan
        self.meters.plans_told({self.project_id: plan})

    def total(self, month: int = NOVEMBER) -> int:
        return self.totals[month].get(self.project_id, 0)

    def send(self, events: int, month: int = NOVEMBER) -> SankofaError | None:
        """What a request is answered, whose events the log then has counted."""
        counted = Counted(self.project_id, month, events)
        limited = self.project_id not in self.meters.unlimited
        refusal = self.meters.take(counted) if limited else None
        if refusal is None:
            self.totals[month][self.project_id] = self.total(month) + events
            if limited:
                self.meters.settle(counted)
        return refusal

    def save(self) -> None:
        """What is unsaved is on disk; where that fails, nobody knows whether it is."""
        while budgets := self.meters.unsaved(1):
            if self.failing != "before":
                (self.disk,) = budgets
            if self.failing:
                return
            self.meters.saved(budgets)

    def may_count(self) -> int:
        """The total that it could reach without another word: now, or once it has been restarted."""
        meter = self.meters._meters.get(self.project_id)
        now = FIRST_BUDGET if meter is None else max(meter.budget, self.total() + meter.pending)
        return max(now, FIRST_BUDGET if self.disk is None else self.disk.events)

    def asks(self) -> list[Ask]:
        """What it says next, in the order of the real one: see asking.py."""
        self.meters.give_back()
        self.save()
        return self.meters.asks()


@dataclass
class Primary:
    """The primary region of one organisation, whose projects are each in a region of their own."""

    plan: Plan = "hobby"
    now_ms: int = 0
    projects: frozenset[str] = frozenset()
    usage: dict[tuple[str, int], Usage] = field(default_factory=dict)

    def takes(self, ask: Ask) -> Lent:
        """One report, as SqlPlanRecords takes it."""
        month = {name: one for (name, of), one in self.usage.items() if of == ask.month}
        known = month.get(ask.project_id)
        report = Reported(
            "org_1", ask.project_id, ask.month, ask.total, ask.needed, ask.ahead, ask.answered, ask.holds
        )
        heard = [one for name, one in month.items() if name != ask.project_id]
        unheard = len(self.projects - month.keys() - {ask.project_id})
        lent = lend(self.plan, report, known, Others(heard, unheard), self.now_ms)
        events = max(ask.total, known.events if known else 0)
        until = self.now_ms + LEASE_MS
        this = ask.project_id, ask.month, "r"
        now = Usage(*this, events, lent.reserved, until, self.now_ms, lent.number)
        self.usage[ask.project_id, ask.month] = now
        return lent

    def reserved(self, project_id: str) -> int:
        """What it takes a project to count at most."""
        known = self.usage.get((project_id, NOVEMBER))
        return FIRST_BUDGET if known is None else max(known.budget, known.events)

    def hear(self, region: Region) -> int:
        """An exchange, and what has to be said after it; how many reports that were."""
        reports = 0
        while asks := region.asks():
            for ask in asks:
                lent = self.takes(ask)
                region.meters.answered(ask, answer(lent))
                reports += 1
            assert reports < 10, "two regions that tell each other the same for ever"
        region.save()
        return reports


def answer(lent: Lent) -> Lease:
    return Lease(**lent._asdict())

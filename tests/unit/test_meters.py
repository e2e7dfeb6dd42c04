"""Budgets of projects in their region, and what is lent of a quota: the rules, without servers."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.errors import RateLimited, SankofaError, Unavailable
from mesh.months import begins_ms
from mesh.plans import FIRST_BUDGET, LARGEST_LEASE, SMALLEST_LEASE, TERMS, Plan
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.ingest.quota.meters import Meters
from services.org.plans.leases import LEASE, lend
from storage.log import Counted
from storage.records.budgets import Budget
from storage.records.plans import Reported, Usage

NOVEMBER, DECEMBER = 202611, 202612
QUOTA = TERMS["hobby"].monthly_events or 0
LEASE_MS = LEASE // timedelta(milliseconds=1)


@dataclass
class Region:
    """A region with one project, and a log that counts what it is given."""

    project_id: str = "proj_1"
    known: tuple[Budget, ...] = ()
    now_ms: int = begins_ms(NOVEMBER)
    totals: dict[int, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))
    meters: Meters = field(init=False)

    def __post_init__(self) -> None:
        self.restart(*self.known)

    def restart(self, *known: Budget) -> None:
        self.meters = Meters(totals=lambda: self.totals, known=known, clock_ms=lambda: self.now_ms)

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


@dataclass
class Primary:
    """The primary region of one organisation, whose projects are each in a region of their own."""

    plan: Plan = "hobby"
    now_ms: int = 0
    usage: dict[tuple[str, int], Usage] = field(default_factory=dict)

    def hear(self, region: Region) -> list[Budget]:
        """One exchange; what the region has to keep."""
        news = []
        for ask in region.meters.asks():
            report = Reported("org_1", ask.project_id, ask.month, ask.total, ask.needed, ask.ahead)
            others = sum(
                one.spoken_for(self.now_ms)
                for key, one in self.usage.items()
                if key[0] != ask.project_id and key[1] == ask.month
            )
            known = self.usage.get((ask.project_id, ask.month))
            lent = lend(self.plan, report, known, others)
            until = self.now_ms + LEASE_MS
            self.usage[ask.project_id, ask.month] = Usage(
                ask.project_id, ask.month, "r", ask.total, lent.budget, until, self.now_ms
            )
            news.append(region.meters.answered(ask, **lent._asdict()))
        return [one for one in news if one]


def reason(refusal: SankofaError | None) -> str:
    assert refusal is not None
    return ErrorReason.Name(refusal.reason).removeprefix("ERROR_REASON_")


def test_a_project_may_count_before_anybody_has_spoken_of_it_and_then_nobody_knows() -> None:
    region = Region()
    assert region.send(FIRST_BUDGET) is None
    refusal = region.send(1)
    assert isinstance(refusal, Unavailable)
    assert reason(refusal) == "QUOTA_UNKNOWN"


def test_a_project_uses_its_whole_quota_and_is_told_to_upgrade() -> None:
    region, primary = Region(), Primary()
    while region.total() < QUOTA:
        if region.send(min(500, QUOTA - region.total())) is not None:
            primary.hear(region)
    primary.hear(region)
    refusal = region.send(1)
    assert isinstance(refusal, RateLimited)
    assert "Upgrade to Pro" in refusal.public_text
    assert refusal.retry_after_s == 3600
    assert primary.usage[region.project_id, NOVEMBER].events == region.total() == QUOTA


def test_a_request_that_does_not_fit_is_refused_whole_and_a_smaller_one_passes() -> None:
    region, primary = Region(), Primary()
    region.totals[NOVEMBER][region.project_id] = QUOTA - 10
    primary.hear(region)
    assert reason(region.send(11)) == "QUOTA_UNKNOWN"
    primary.hear(region)
    assert reason(region.send(11)) == "QUOTA_EXCEEDED"
    assert region.send(10) is None


def test_the_answer_says_how_long_the_month_lasts_where_that_is_not_long() -> None:
    region, primary = Region(), Primary()
    region.totals[NOVEMBER][region.project_id] = QUOTA
    primary.hear(region)
    region.now_ms = begins_ms(DECEMBER) - 90_500
    refusal = region.send(1)
    assert refusal is not None
    assert refusal.retry_after_s == 91
    assert region.send(1, DECEMBER) is None


def test_an_upgrade_lets_events_in_with_the_next_exchange() -> None:
    region, primary = Region(), Primary()
    region.totals[NOVEMBER][region.project_id] = QUOTA
    primary.hear(region)
    assert reason(region.send(1)) == "QUOTA_EXCEEDED"
    primary.plan = "pro"
    primary.hear(region)
    assert region.send(2 * QUOTA) is None


@pytest.mark.parametrize("plan", ["pro", "growth", "enterprise"])
def test_other_plans_count_on_past_their_quota_also_in_a_month_that_nobody_has_spoken_of(plan: Plan) -> None:
    region, primary = Region(), Primary(plan=plan)
    assert region.send(1) is None
    (kept,) = primary.hear(region)
    assert kept.unlimited
    region.restart(kept)
    for month in (NOVEMBER, DECEMBER):
        assert region.send(50_000_000, month) is None
    assert {ask.total for ask in region.meters.asks()} == {50_000_001, 50_000_000}


def test_a_restart_keeps_the_budget_and_adds_none() -> None:
    region, primary = Region(), Primary()
    assert region.send(9_000) is None
    (kept,) = primary.hear(region)
    region.restart(kept)
    while region.send(100) is None:
        pass
    assert kept.events - 100 < region.total() <= kept.events
    region.restart()
    assert reason(region.send(FIRST_BUDGET)) == "QUOTA_UNKNOWN"


def test_what_has_been_heard_is_not_said_again() -> None:
    region, primary = Region(), Primary()
    assert region.send(5) is None
    assert region.meters.wanted.is_set()
    primary.hear(region)
    assert region.meters.asks() == []
    assert primary.hear(region) == []


def test_an_old_answer_of_a_month_that_is_over_changes_nothing() -> None:
    region, primary = Region(), Primary()
    region.totals[NOVEMBER][region.project_id] = QUOTA
    assert region.send(7, DECEMBER) is None
    primary.hear(region)
    assert primary.usage[region.project_id, NOVEMBER].events == QUOTA
    assert primary.usage[region.project_id, DECEMBER].events == 7


def test_a_failed_append_gives_back_what_it_took() -> None:
    region = Region()
    counted = Counted(region.project_id, NOVEMBER, FIRST_BUDGET)
    for _ in range(3):
        assert region.meters.take(counted) is None
        assert region.meters.take(counted) is not None
        region.meters.settle(counted)


STEPS = st.lists(
    st.tuples(
        st.integers(0, 2), st.sampled_from(["send", "send", "cut", "join", "later"]), st.integers(1, 10_000)
    ),
    max_size=150,
)


@given(STEPS)
@settings(max_examples=300, deadline=None)
def test_an_organisation_overshoots_by_one_lease_for_each_project_that_was_silent_and_by_nothing_else(
    steps: list[tuple[int, str, int]],
) -> None:
    """Three regions, any order of events, exchanges, cuts between a region and its primary, and time.

    Silent for a lease's time is who was cut off from the primary, and who had nothing to say.
    """
    primary = Primary()
    regions = [Region(project_id=f"proj_{number}") for number in range(3)]
    cut, ever_silent = set[int](), set[int]()
    regions[0].totals[NOVEMBER]["proj_0"] = QUOTA - 12_000
    for region in regions:
        region.send(1)
        primary.hear(region)
    for at, step, number in steps:
        if step == "send":
            refused = regions[at].send(number)
            if at not in cut:
                primary.hear(regions[at])
                if refused is not None:
                    regions[at].send(number)
        elif step == "cut":
            cut.add(at)
        elif step == "join":
            cut.discard(at)
        elif step == "later":
            primary.now_ms += number * 10
            # A region that can be reached, and has something to say, is heard in the time of a lease.
            speaking = {other for other in set(range(3)) - cut if regions[other].meters.asks()}
            for other in speaking:
                primary.hear(regions[other])
            ever_silent |= set(range(3)) - speaking
    counted = sum(region.total() for region in regions)
    assert counted <= QUOTA + LARGEST_LEASE * len(ever_silent)


def test_a_lease_of_a_region_that_was_silent_is_lent_to_the_others() -> None:
    silent, busy, primary = Region("proj_a"), Region("proj_b"), Primary()
    for region in (silent, busy):
        assert region.send(1) is None
        primary.hear(region)
    primary.now_ms += LEASE_MS
    while busy.total() < QUOTA - 1:
        if busy.send(min(1_000, QUOTA - 1 - busy.total())) is not None:
            primary.hear(busy)
    over = 0
    while silent.send(1) is None:
        over += 1
    assert over <= SMALLEST_LEASE

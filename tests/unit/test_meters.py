"""Budgets of projects in their region, and what is lent of a quota: the rules, without servers."""

from __future__ import annotations

import pytest

from mesh.errors import RateLimited, SankofaError, Unavailable
from mesh.months import begins_ms
from mesh.plans import FIRST_BUDGET, SMALLEST_LEASE, Plan
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.ingest.quota.meter import QUIET_MS
from services.org.plans.leases import RESERVED_SHARE
from storage.log import Counted
from tests.support.budgets import DECEMBER, LEASE_MS, NOVEMBER, QUOTA, Primary, Region, answer


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
    primary.hear(region)
    assert region.disk is not None and region.disk.unlimited
    region.restart()
    for month in (NOVEMBER, DECEMBER):
        assert region.send(50_000_000, month) is None
    assert {ask.total for ask in region.meters.asks()} == {50_000_001, 50_000_000}


def test_a_restart_keeps_the_budget_and_adds_none() -> None:
    region, primary = Region(), Primary()
    assert region.send(900) is None
    primary.hear(region)
    kept = region.disk
    assert kept is not None
    region.restart()
    while region.send(100) is None:
        pass
    assert kept.events - 100 < region.total() <= kept.events
    region.disk = None
    region.restart()
    assert reason(region.send(FIRST_BUDGET)) == "QUOTA_UNKNOWN"


def test_what_has_been_heard_is_not_said_again() -> None:
    region, primary = Region(), Primary()
    assert region.send(5) is None
    assert region.meters.wanted.is_set()
    primary.hear(region)
    assert primary.hear(region) == 0


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


# What a region or its primary does next: which project, what, and how many events, or ms.
def minutes_pass(primary: Primary, *regions: Region) -> None:
    for one in (primary, *regions):
        one.now_ms += LEASE_MS


def fills(region: Region, primary: Primary) -> int:
    """What a region counts that takes all it can get."""
    while (refusal := region.send(500)) is None or reason(refusal) == "QUOTA_UNKNOWN":
        primary.hear(region)
    return region.total()


def test_a_quiet_project_gives_back_what_it_held_and_another_may_have_it() -> None:
    quiet, busy = Region("proj_a"), Region("proj_b")
    primary = Primary(projects=frozenset({"proj_a", "proj_b"}))
    for _ in range(5):
        assert quiet.send(900) is None
        primary.hear(quiet)
    assert quiet.total() + SMALLEST_LEASE < primary.reserved("proj_a")
    quiet.asks()
    quiet.now_ms += QUIET_MS - 1
    assert primary.hear(quiet) == 0
    quiet.now_ms += 1
    assert primary.hear(quiet) == 1
    assert primary.reserved("proj_a") == quiet.may_count() == quiet.total() + SMALLEST_LEASE
    assert primary.hear(quiet) == 0
    assert fills(busy, primary) >= QUOTA - quiet.total() - SMALLEST_LEASE - 500


def test_a_project_that_is_heard_first_when_all_is_lent_holds_its_first_budget_until_it_says_less() -> None:
    late, busy = Region("proj_a"), Region("proj_b")
    primary = Primary(projects=frozenset({"proj_b"}))
    assert fills(busy, primary) > QUOTA - 500
    busy.send(QUOTA - busy.total())
    primary.hear(busy)
    assert late.send(1) is None
    (first,) = late.asks()
    lent = primary.takes(first)
    assert lent.budget < primary.reserved("proj_a") == late.may_count() == FIRST_BUDGET
    late.meters.answered(first, answer(lent))
    assert primary.hear(late) == 1
    assert primary.reserved("proj_a") == late.may_count() == late.total()


def test_what_can_not_be_kept_is_not_given_back_until_it_can() -> None:
    region, primary = Region(), Primary()
    for _ in range(5):
        assert region.send(900) is None
        primary.hear(region)
    region.asks()
    region.failing = "before"
    region.now_ms += QUIET_MS
    assert primary.hear(region) == 0
    region.failing = ""
    assert primary.hear(region) == 1
    region.restart()
    assert region.may_count() == primary.reserved(region.project_id) == region.total() + SMALLEST_LEASE


@pytest.mark.parametrize("heard", [True, False])
def test_many_projects_that_are_silent_leave_half_of_the_quota_to_whoever_asks(heard: bool) -> None:
    """The bound grows by SMALLEST_LEASE for each beyond as many as that takes: docs/plans.md."""
    silent = [Region(f"proj_{number}") for number in range(200)]
    busy = Region("proj_busy")
    primary = Primary(projects=frozenset(region.project_id for region in [*silent, busy]))
    if heard:
        for region in silent:
            assert region.send(1) is None
            primary.hear(region)
        minutes_pass(primary, busy, *silent)
    assert fills(busy, primary) >= QUOTA // RESERVED_SHARE


def test_projects_that_are_heard_all_the_time_leave_the_quota_to_the_one_that_needs_it() -> None:
    """Each holds something ahead, and less when it is heard again while another one waits."""
    small, busy = [Region(f"proj_{number}") for number in range(60)], Region("proj_busy")
    primary = Primary()
    for _ in range(120):
        for region in small:
            region.send(1)
            primary.hear(region)
        for _ in range(20):
            busy.send(500)
            primary.hear(busy)
    assert busy.total() > QUOTA * 8 // 10


def test_a_primary_region_that_was_put_back_from_a_backup_is_understood() -> None:
    region, primary = Region(), Primary()
    assert region.send(1) is None
    primary.hear(region)
    backup = dict(primary.usage)
    for _ in range(20):
        assert region.send(10) is None
        primary.hear(region)
    primary.usage = backup
    assert fills(region, primary) > QUOTA - 500


def test_a_plan_that_refuses_nothing_needs_no_word_of_the_primary_and_one_that_does_binds_at_once() -> None:
    region = Region(plans={"proj_1": "pro"})
    assert region.send(QUOTA) is None
    region.told("hobby")
    assert reason(region.send(1)) == "QUOTA_UNKNOWN"
    region.told("growth")
    assert region.send(QUOTA) is None
    region.restart()
    assert region.send(QUOTA, DECEMBER) is None


def test_an_upgrade_that_was_answered_counts_after_a_restart_before_the_feed_has_told_it() -> None:
    region, primary = Region(plans={"proj_1": "hobby"}), Primary(plan="pro")
    assert region.send(1) is None
    primary.hear(region)
    region.restart()
    assert region.send(QUOTA, DECEMBER) is None


def test_after_a_downgrade_that_was_told_a_restart_does_not_count_on() -> None:
    region, primary = Region(), Primary(plan="pro")
    assert region.send(1) is None
    primary.hear(region)
    assert region.disk is not None and region.disk.unlimited
    region.told("hobby")
    region.save()
    region.restart()
    assert reason(region.send(FIRST_BUDGET + 1, DECEMBER)) == "QUOTA_UNKNOWN"


def test_an_event_of_the_month_before_is_sent_again_and_is_of_the_new_one() -> None:
    region = Region()
    assert region.send(1, DECEMBER) is None
    assert reason(region.send(1, NOVEMBER)) == "QUOTA_UNKNOWN"


# What happens next: where, what, and how many events or milliseconds. Few regions act: they meet more often.

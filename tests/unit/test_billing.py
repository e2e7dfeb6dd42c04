"""What a bill says of plans that have changed."""

from __future__ import annotations

from mesh.months import begins_ms
from services.org.plans.core import bill
from storage.records.plans import PlanChange, Usage

SEPTEMBER, OCTOBER, NOVEMBER = 202609, 202610, 202611


def used(month: int, events: int, project_id: str = "proj_1", region: str = "eu-west-1") -> Usage:
    return Usage(project_id, month, region, events, 0, 0, 0)


def test_each_month_has_the_plan_in_force_at_its_end_and_the_current_one_that_of_now() -> None:
    changes = [
        PlanChange(begins_ms(OCTOBER) - 1, "hobby", "pro"),
        PlanChange(begins_ms(NOVEMBER), "pro", "growth"),
    ]
    usage = [used(NOVEMBER, 1), used(OCTOBER, 1_500_000), used(SEPTEMBER, 2), used(202608, 3)]
    periods = bill("growth", usage, changes, NOVEMBER).periods
    assert [(each.month, each.plan) for each in periods] == [
        (NOVEMBER, "growth"),
        (OCTOBER, "pro"),
        (SEPTEMBER, "pro"),
        (202608, "hobby"),
    ]
    assert [each.overage for each in periods] == [0, 500_000, 0, 0]


def test_a_month_adds_up_all_regions_and_the_current_one_is_there_when_it_is_empty() -> None:
    usage = [used(OCTOBER, 80_000), used(OCTOBER, 30_000, "proj_2", "us-east-1")]
    now, before = bill("hobby", usage, [], NOVEMBER).periods
    assert (now.month, now.events, now.projects) == (NOVEMBER, 0, [])
    assert (before.events, before.overage, before.quota) == (110_000, 10_000, 100_000)


def test_a_plan_without_a_limit_has_no_overage() -> None:
    (period,) = bill("enterprise", [used(NOVEMBER, 10**12)], [], NOVEMBER).periods
    assert (period.quota, period.overage) == (None, 0)

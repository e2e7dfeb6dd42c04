"""What the plans grant, and what a closed gate says."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.main import main
from mesh.errors import Conflict, Forbidden
from mesh.plans import (
    TERMS,
    Feature,
    OverQuota,
    Plan,
    Standing,
    require_feature,
    require_fit,
    require_members,
    require_retention,
    retention_days,
)
from sankofa.residency.v1.error_pb2 import ErrorReason

PLANS: tuple[Plan, ...] = ("hobby", "pro", "growth", "enterprise")


def test_the_plans_grant_what_was_promised() -> None:
    granted = {
        plan: (t.monthly_events, t.over_quota, t.retention_days, t.audit_days, t.members)
        for plan, t in TERMS.items()
    }
    assert granted == {
        "hobby": (100_000, OverQuota.REFUSED, 30, 90, 3),
        "pro": (1_000_000, OverQuota.COUNTED, 90, 365, 10),
        "growth": (10_000_000, OverQuota.COUNTED, 365, 730, 50),
        "enterprise": (None, OverQuota.NEVER, 365, 2555, None),
    }


def test_a_larger_plan_grants_no_less_than_a_smaller_one() -> None:
    for smaller, larger in pairwise(PLANS):
        less, more = TERMS[smaller], TERMS[larger]
        assert less.features <= more.features
        assert less.retention_days <= more.retention_days
        assert less.most_retention_days <= more.most_retention_days
        assert less.audit_days < more.audit_days


@pytest.mark.parametrize(
    ("feature", "needed"),
    [(Feature.AUDIT_CSV, "Pro"), (Feature.MIGRATION, "Enterprise"), (Feature.SSO, "Enterprise")],
)
@pytest.mark.parametrize("plan", PLANS)
def test_a_gate_is_open_from_the_plan_that_has_it_on_and_names_it_below(
    plan: Plan, feature: Feature, needed: str
) -> None:
    titles = [TERMS[each].title for each in PLANS]
    if PLANS.index(plan) >= titles.index(needed):
        require_feature(plan, feature)
        return
    with pytest.raises(Forbidden, match=f"{feature.value} needs the {needed} plan") as refused:
        require_feature(plan, feature)
    assert refused.value.reason == ErrorReason.ERROR_REASON_PLAN_REQUIRED
    assert refused.value.http_status == 403


@pytest.mark.parametrize(
    ("plan", "members", "needed"),
    [("hobby", 4, "Pro"), ("hobby", 11, "Growth"), ("growth", 51, "Enterprise")],
)
def test_one_member_more_than_a_plan_has_needs_the_next_that_has_as_many(
    plan: Plan, members: int, needed: str
) -> None:
    limit = TERMS[plan].members
    assert limit is not None
    require_members(plan, limit)
    require_members("enterprise", 1_000_000)
    with pytest.raises(Forbidden, match=f"{members} members need the {needed} plan"):
        require_members(plan, members)


def test_days_of_events_beyond_a_plan_need_the_next_that_keeps_them() -> None:
    require_retention("hobby", 30)
    with pytest.raises(Forbidden, match="31 days of events need the Pro plan, and this is Hobby"):
        require_retention("hobby", 31)
    with pytest.raises(Forbidden, match="400 days of events need the Enterprise plan"):
        require_retention("growth", 400)


def test_what_an_owner_wanted_is_cut_to_the_plan() -> None:
    assert retention_days("pro", None) == 90
    assert retention_days("pro", 400) == 90
    assert retention_days("enterprise", 400) == 400


def test_the_command_prints_a_line_for_each_plan() -> None:
    printed = CliRunner().invoke(main, ["plans"])
    assert printed.exit_code == 0
    for terms in TERMS.values():
        assert re.search(rf"{terms.title}\b.*{terms.over_quota.value}", printed.output)


def test_the_page_has_the_same_table() -> None:
    page = (Path(__file__).parents[2] / "docs" / "plans.md").read_text()
    rows = {
        "live events a month": [
            f"{t.monthly_events:,}" if t.monthly_events else "unlimited" for t in TERMS.values()
        ],
        "days of the audit log": [f"{t.audit_days:,}" for t in TERMS.values()],
        "members": [str(t.members or "unlimited") for t in TERMS.values()],
    }
    for name, cells in rows.items():
        assert f"| {name} | {' | '.join(cells)} |" in page


@pytest.mark.parametrize(
    ("standing", "plan", "said"),
    [
        (
            Standing("pro", 3, 202611, 100_001),
            "hobby",
            "Hobby has 100,000 live events a month, and 2026-11 has 100,001",
        ),
        (Standing("pro", 4, 202611, 0), "hobby", "Hobby has 3 members, not 4: remove some"),
        (
            Standing("enterprise", 1, 202611, 0, frozenset({Feature.SSO})),
            "pro",
            "Pro has no single sign-on: end it first",
        ),
        (
            Standing("enterprise", 51, 202611, 20_000_000),
            "growth",
            "wait for the next; Growth has 50 members",
        ),
    ],
)
def test_a_smaller_plan_that_is_too_small_is_refused_with_the_numbers(
    standing: Standing, plan: Plan, said: str
) -> None:
    with pytest.raises(Conflict, match=said) as refused:
        require_fit(plan, standing)
    assert refused.value.reason == ErrorReason.ERROR_REASON_PLAN_TOO_SMALL
    assert refused.value.http_status == 409


def test_a_smaller_plan_that_fits_and_a_larger_one_always_are_permitted() -> None:
    require_fit("hobby", Standing("enterprise", 3, 202611, 100_000))
    require_fit("pro", Standing("hobby", 1_000, 202611, 10**9))

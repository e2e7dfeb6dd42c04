"""What each plan grants, as data, and the gates that say which plan is needed.

Region pinning is on every plan. Quotas count events of the `live` environment in a calendar month, UTC. The
members' limits are ours to choose: a family, a team, a company, and no limit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal, TypeGuard, get_args

from mesh.errors import Conflict, Forbidden
from mesh.months import label
from sankofa.residency.v1.error_pb2 import ErrorReason

Plan = Literal["hobby", "pro", "growth", "enterprise"]
"""Smallest first."""

MOST_RETENTION_DAYS: Final = 65_535
"""All that an event can carry."""

SMALLEST_LEASE: Final = 1_000
LARGEST_LEASE: Final = 10_000
"""Events that a project's region is lent at a time, while there are as many; the larger of a busy one."""

FIRST_BUDGET: Final = SMALLEST_LEASE
"""What a project may count in a month before its primary region has said anything about it. Small, as it is
reserved for every project that has not been heard.
"""


class OverQuota(Enum):
    """What happens to events past the month's quota."""

    REFUSED = "refused"
    COUNTED = "overage"
    NEVER = "n/a"


class Feature(Enum):
    """What only some plans have; the value begins the sentence "… needs the Pro plan"."""

    AUDIT_CSV = "exporting the audit log"
    MIGRATION = "moving data to a project of another region"
    SSO = "single sign-on"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a plan grants; None: no limit. Days of events: granted unasked, and the most to ask for."""

    title: str
    monthly_events: int | None
    over_quota: OverQuota
    retention_days: int
    most_retention_days: int
    audit_days: int
    members: int | None
    features: frozenset[Feature]


TERMS: Final[Mapping[Plan, Terms]] = {
    "hobby": Terms(
        title="Hobby",
        monthly_events=100_000,
        over_quota=OverQuota.REFUSED,
        retention_days=30,
        most_retention_days=30,
        audit_days=90,
        members=3,
        features=frozenset(),
    ),
    "pro": Terms(
        title="Pro",
        monthly_events=1_000_000,
        over_quota=OverQuota.COUNTED,
        retention_days=90,
        most_retention_days=90,
        audit_days=365,
        members=10,
        features=frozenset({Feature.AUDIT_CSV}),
    ),
    "growth": Terms(
        title="Growth",
        monthly_events=10_000_000,
        over_quota=OverQuota.COUNTED,
        retention_days=365,
        most_retention_days=365,
        audit_days=2 * 365,
        members=50,
        features=frozenset({Feature.AUDIT_CSV}),
    ),
    # As many days unasked as Growth: an upgrade changes nothing that nobody has asked for.
    "enterprise": Terms(
        title="Enterprise",
        monthly_events=None,
        over_quota=OverQuota.NEVER,
        retention_days=365,
        most_retention_days=MOST_RETENTION_DAYS,
        audit_days=7 * 365,
        members=None,
        features=frozenset(Feature),
    ),
}


def refuses(plan: Plan) -> bool:
    """Whether events past the month's quota are refused: only then a project needs a budget."""
    return TERMS[plan].over_quota is OverQuota.REFUSED


def is_plan(name: str) -> TypeGuard[Plan]:
    """Whether a plan has this name."""
    return name in get_args(Plan)


def retention_days(plan: Plan, wanted: int | None) -> int:
    """Days after its receipt that an event is kept. What was wanted returns with a plan that permits it."""
    terms = TERMS[plan]
    return terms.retention_days if wanted is None else min(wanted, terms.most_retention_days)


def require_feature(plan: Plan, feature: Feature) -> None:
    """Raises Forbidden(PLAN_REQUIRED), naming the plan that has it."""
    _require(plan, lambda terms: feature in terms.features, f"{feature.value} needs")


def require_retention(plan: Plan, days: int) -> None:
    """Raises Forbidden(PLAN_REQUIRED) where events are not kept for so many days."""
    _require(plan, lambda terms: days <= terms.most_retention_days, f"{days} days of events need")


def require_members(plan: Plan, members: int) -> None:
    """Raises Forbidden(PLAN_REQUIRED) where it may not have so many, open invitations included."""
    _require(plan, lambda terms: within(members, terms.members), f"{members} members need")


@dataclass(frozen=True, slots=True)
class Standing:
    """An organisation as it is when its plan is to change: live events are those of the month (202611)."""

    plan: Plan
    members: int
    month: int
    events: int
    features: frozenset[Feature] = frozenset()
    """Those that are set up."""


def require_fit(plan: Plan, standing: Standing) -> None:
    """Raises Conflict(PLAN_TOO_SMALL), with the numbers, where a smaller plan is too small."""
    order, terms = list(TERMS), TERMS[plan]
    if order.index(plan) >= order.index(standing.plan):
        return
    reasons = []
    if not within(standing.events, terms.monthly_events):
        reasons.append(
            f"{terms.title} has {terms.monthly_events:,} live events a month, and {label(standing.month)} "
            f"has {standing.events:,}: wait for the next"
        )
    if not within(standing.members, terms.members):
        reasons.append(f"{terms.title} has {terms.members} members, not {standing.members}: remove some")
    for feature in standing.features - terms.features:
        reasons.append(f"{terms.title} has no {feature.value}: end it first")
    if reasons:
        raise Conflict(ErrorReason.ERROR_REASON_PLAN_TOO_SMALL, detail="; ".join(reasons))


def within(number: int, limit: int | None) -> bool:
    """Whether a number is in a limit; None is no limit."""
    return limit is None or number <= limit


def _require(plan: Plan, permits: Callable[[Terms], bool], what: str) -> None:
    """The smallest plan that permits it is named; the largest permits all that there is."""
    if permits(TERMS[plan]):
        return
    needed = next((terms for terms in TERMS.values() if permits(terms)), TERMS["enterprise"])
    raise Forbidden(
        ErrorReason.ERROR_REASON_PLAN_REQUIRED,
        detail=f"{what} the {needed.title} plan, and this is {TERMS[plan].title}",
    )

"""For how many days a project's events are kept: what the plan grants, or what an Owner has set within it."""

from __future__ import annotations

from typing import Final

from storage.records.orgs import Plan

GRANTED: Final[dict[Plan, int]] = {"hobby": 30, "pro": 90, "growth": 365, "enterprise": 365}
"""Days where no Owner has set any. Enterprise has Growth's: an upgrade changes nothing unasked."""

MOST: Final[dict[Plan, int]] = {**GRANTED, "enterprise": 65_535}
"""The most days that an Owner may set; 65,535 are all that an event can carry."""


def granted_days(plan: Plan, wanted: int | None) -> int:
    """Days after its receipt that an event is kept. What was wanted returns with a plan that permits it."""
    return GRANTED[plan] if wanted is None else min(wanted, MOST[plan])

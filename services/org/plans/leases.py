"""How much of a month's quota a project's region is lent: the rule, without gRPC and SQL.

The budgets of all projects together never pass the quota, so projects that go on asking overshoot nothing.
A budget that its region does not ask for again ends after LEASE, and the others may have it. A project
that was quiet, or whose region was cut off, counts up to it nevertheless: that is the overshoot, one lease
for each of them.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from mesh.plans import LARGEST_LEASE, TERMS, OverQuota, Plan
from storage.records.plans import Lent, Reported, Usage

LEASE: Final = timedelta(seconds=60)


def lend(plan: Plan, report: Reported, known: Usage | None, others: int) -> Lent:
    """What waits gets all that is left; what is ahead half of the rest, so that others find some.

    `others`: what is spoken for by the organisation's other projects. What a project holds already it keeps.
    """
    terms = TERMS[plan]
    if terms.monthly_events is None or terms.over_quota is not OverQuota.REFUSED:
        return Lent(unlimited=True, budget=0, exhausted=False)
    counted = max(report.events, known.events if known else 0)
    left = max(0, terms.monthly_events - others - counted)
    granted = min(report.needed, left)
    granted += min(report.ahead, (left - granted + 1) // 2)
    budget = counted + min(granted, LARGEST_LEASE)
    if known is not None and known.budget <= counted + left:
        budget = max(budget, known.budget)
    return Lent(unlimited=False, budget=budget, exhausted=report.needed > left or not left)

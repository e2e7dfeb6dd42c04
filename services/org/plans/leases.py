"""How much of a month's quota a project's region is lent: the rule, without gRPC and SQL.

A region counts up to its budget whether or not it is heard, so all budgets together are the most that can be
counted. They come to the quota, and to one LARGEST_LEASE more at most: so much of what is held by projects
that have not been heard for LEASE is lent to others as well, and the rest stays reserved. A budget is lowered
here only once its region has said that it holds itself to less.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from mesh.plans import FIRST_BUDGET, LARGEST_LEASE, SMALLEST_LEASE, TERMS, Plan, refuses
from storage.records.plans import Lent, Others, Reported, Usage

LEASE: Final = timedelta(seconds=60)

RESERVED_SHARE: Final = 2
"""The part of the quota, one half, beyond which nothing is reserved for projects that hold SMALLEST_LEASE or
less, as those do that have gone quiet or have not been heard: many of them must not shut the others out.
"""


def lend(plan: Plan, report: Reported, known: Usage | None, others: Others, now_ms: int) -> Lent:
    """What waits gets all that is left; what is ahead, or is held already, half of the rest."""
    held, number = _held(report, known), max(known.answers if known else 0, report.answered) + 1
    quota = TERMS[plan].monthly_events
    if quota is None or not refuses(plan):
        return Lent(unlimited=True, budget=0, exhausted=False, number=number, reserved=held)
    counted = max(report.events, known.events if known else 0)
    left = max(0, quota - spoken_for(others, quota, now_ms) - counted)
    granted = min(report.needed, left)
    ahead = max(report.ahead, held - counted - granted)
    granted += min(ahead, (left - granted + 1) // 2)
    budget = counted + min(granted, LARGEST_LEASE)
    exhausted = report.needed > left or not left
    return Lent(
        unlimited=False, budget=budget, exhausted=exhausted, number=number, reserved=max(held, budget)
    )


def spoken_for(others: Others, quota: int, now_ms: int) -> int:
    """What other projects have counted, and what is reserved of what they may still count unasked."""
    counted, reserved = 0, 0
    small, large = others.unheard * FIRST_BUDGET, 0
    for one in others.heard:
        unspent = max(0, one.budget - one.events)
        counted += one.events
        if one.leased_until_ms > now_ms:
            reserved += unspent
        else:
            small += min(unspent, SMALLEST_LEASE)
            large += max(0, unspent - SMALLEST_LEASE)
    silent = min(small, quota // RESERVED_SHARE) + large
    return counted + reserved + max(0, silent - LARGEST_LEASE)


def _held(report: Reported, known: Usage | None) -> int:
    """The total that a project's region may have counted up to before it takes another answer.

    What it says of that is believed if it has taken the last answer: an older one may have been overtaken by
    a loan on its way.
    """
    if known is None:
        return FIRST_BUDGET
    return min(known.budget, report.holds) if report.answered == known.answers > 0 else known.budget

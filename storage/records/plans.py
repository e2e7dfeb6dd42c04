"""What a primary region keeps of its organisations' plans: usage by project and month, changes, limits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from mesh.plans import Plan


@dataclass(frozen=True, slots=True)
class Reported:
    """What a project's region says: events counted in a month (202611), and how many more it would like.

    `needed` wait for a budget, `ahead` will probably come. It holds itself to the total `holds`, which it has
    done since the answer `answered`; see UsageReport in plan.proto.
    """

    org_id: str
    project_id: str
    month: int
    events: int
    needed: int = 0
    ahead: int = 0
    answered: int = 0
    holds: int = 0


@dataclass(frozen=True, slots=True)
class Usage:
    """One project's part of a month. Its region may count up to the total `budget`, heard or not.

    From `leased_until_ms` on some of that may be lent to others. `answers`: the number of the last answer.
    """

    project_id: str
    month: int
    region: str
    events: int
    budget: int
    leased_until_ms: int
    reported_at_ms: int
    answers: int = 0


@dataclass(frozen=True, slots=True)
class Others:
    """The other projects of an organisation in a month: those heard, and how many have not been."""

    heard: Sequence[Usage]
    unheard: int


class Lent(NamedTuple):
    """The answer to a report: see UsageLease in plan.proto."""

    unlimited: bool
    budget: int
    exhausted: bool
    number: int
    reserved: int


Lend = Callable[[Plan, Reported, Usage | None, Others, int], Lent]
"""Decides: the plan, the report, what is known of the project, the others, and the time, unix ms."""


class PlanChange(NamedTuple):
    """Of one organisation, at a time in milliseconds since 1970."""

    at_ms: int
    before: Plan
    after: Plan


class PlanRecords(Protocol):
    """All methods raise Unavailable."""

    async def report(
        self, region: str, reports: Sequence[Reported], *, now_ms: int, lease_ms: int, lend: Lend
    ) -> list[tuple[Reported, Lent]]:
        """Takes totals of a region's projects and lends, all in one transaction.

        Passed over: organisations that are not here, and projects that are not theirs or not of that region.
        """

    async def usage(self, org_id: str) -> list[Usage]:
        """Of all months, the newest first."""

    async def changes(self, org_id: str) -> list[PlanChange]:
        """In their order."""

"""What an organisation has used of its plan, month by month, and the plan it is on: the rules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

from mesh.clock import wall_ms
from mesh.errors import Forbidden
from mesh.months import begins_ms, earlier, month_of
from mesh.permissions import OrgAction
from mesh.plans import TERMS, Plan
from services.org.callers import Callers
from services.org.core import Orgs
from storage.records.plans import PlanChange, PlanRecords, Usage


@dataclass(frozen=True, slots=True)
class Period:
    """A month (202611) of an organisation, in all regions. `quota` None: without a limit."""

    month: int
    plan: Plan
    quota: int | None
    projects: Sequence[Usage]

    @property
    def events(self) -> int:
        """Live events counted, as far as the regions have reported."""
        return sum(project.events for project in self.projects)

    @property
    def overage(self) -> int:
        """Those past the quota."""
        return 0 if self.quota is None else max(0, self.events - self.quota)


@dataclass(frozen=True, slots=True)
class Bill:
    """The plan of now, and the months that anything was counted in, the current one first."""

    plan: Plan
    periods: Sequence[Period]


class Plans:
    """Of the organisations whose primary region this is."""

    def __init__(
        self, *, callers: Callers, orgs: Orgs, records: PlanRecords, clock_ms: Callable[[], int] = wall_ms
    ) -> None:
        self._callers = callers
        self._orgs = orgs
        self._records = records
        self._clock_ms = clock_ms

    async def bill(self, token: str | None, org_id: str) -> Bill:
        """For Owners. Raises Unauthenticated, Forbidden."""
        plan = (await self._callers.member(token, org_id, OrgAction.READ_BILLING)).org.plan
        usage = await self._records.usage(org_id)
        return bill(plan, usage, await self._records.changes(org_id), month_of(self._clock_ms()))

    async def change(self, token: str | None, org_id: str, plan: str) -> Plan:
        """For Owners. Raises Forbidden, InvalidInput, Conflict(PLAN_TOO_SMALL).

        Payment is not ours: whoever runs the mesh bills by what `bill` says. Enterprise is a contract.
        """
        await self._callers.member(token, org_id, OrgAction.SET_PLAN)
        if plan == "enterprise":
            raise Forbidden(detail="the Enterprise plan is agreed on with those who run the service")
        return await self._orgs.set_plan(org_id, plan)


def bill(plan: Plan, usage: Sequence[Usage], changes: Sequence[PlanChange], current: int) -> Bill:
    """`usage` with the newest month first. A month has the plan that was in force at its end."""
    by_month = {month: list(rows) for month, rows in groupby(usage, lambda row: row.month)}
    months = sorted({current, *by_month}, reverse=True)
    periods = []
    for month in months:
        then = plan if month >= current else plan_at(begins_ms(earlier(month, -1)), plan, changes)
        periods.append(Period(month, then, TERMS[then].monthly_events, by_month.get(month, [])))
    return Bill(plan, periods)


def plan_at(at_ms: int, now: Plan, changes: Sequence[PlanChange]) -> Plan:
    """The plan in force just before a time: what the first change after it has replaced."""
    return next((change.before for change in changes if change.at_ms >= at_ms), now)

"""PlanService on the wire: parse, call, convert."""

from __future__ import annotations

from mesh.context import current
from sankofa.org.v1 import plan_pb2 as pb
from sankofa.org.v1.plan_pb2_grpc import PlanServiceServicer
from services.org.plans.core import Period, Plans


class PlanServicer(PlanServiceServicer):
    """For Owners."""

    def __init__(self, *, plans: Plans) -> None:
        self._plans = plans

    async def GetBilling(self, request: pb.GetBillingRequest, context: object) -> pb.GetBillingResponse:
        """Month by month."""
        bill = await self._plans.bill(current().token, request.org_id)
        return pb.GetBillingResponse(plan=bill.plan, periods=[_period(each) for each in bill.periods])

    async def ChangePlan(self, request: pb.ChangePlanRequest, context: object) -> pb.ChangePlanResponse:
        """At once."""
        plan = await self._plans.change(current().token, request.org_id, request.plan)
        return pb.ChangePlanResponse(plan=plan)


def _period(period: Period) -> pb.BillingPeriod:
    projects = [
        pb.ProjectUsage(
            project_id=each.project_id,
            region=each.region,
            events=each.events,
            reported_at_unix_ms=each.reported_at_ms,
        )
        for each in period.projects
    ]
    return pb.BillingPeriod(
        month=period.month,
        plan=period.plan,
        quota=period.quota or 0,
        events=period.events,
        overage=period.overage,
        projects=projects,
    )

"""The bill of an organisation, and its plan: thin routes that ask its primary region."""

from __future__ import annotations

import msgspec
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from mesh.errors import InvalidInput
from mesh.months import label
from sankofa.org.v1.plan_pb2 import BillingPeriod, ChangePlanRequest, GetBillingRequest
from services.rest import render
from services.rest.cells import Cells
from services.rest.primaries import Primaries
from services.rest.routing import bearer, read_json, reply, resource


class PlanChange(msgspec.Struct):
    """POST /api/v1/billing/plan."""

    org_id: str
    plan: str


class Billing:
    """What is used and billed."""

    def __init__(self, *, cells: Cells, primaries: Primaries) -> None:
        self._cells = cells
        self._primaries = primaries

    def routes(self) -> list[Route]:
        """Every route of billing."""
        return [
            resource("/api/v1/billing", GET=self.get_billing),
            resource("/api/v1/billing/plan", POST=self.change_plan),
        ]

    async def get_billing(self, http: HttpRequest) -> Response:
        """All regions of an organisation in one account."""
        token, org_id = bearer(http), http.query_params.get("org_id", "")
        if not org_id:
            raise InvalidInput(detail="org_id is required")
        plans = await self._cells.plans(await self._primaries.of(token, org_id))
        found = await self._cells.call(plans.GetBilling, GetBillingRequest(org_id=org_id), token=token)
        periods = [_period(each) for each in found.periods]
        return reply({"ok": True, "org_id": org_id, "plan": found.plan, "periods": periods})

    async def change_plan(self, http: HttpRequest) -> Response:
        """At once, or not at all."""
        token, body = bearer(http), await read_json(http, PlanChange)
        plans = await self._cells.plans(await self._primaries.of(token, body.org_id))
        request = ChangePlanRequest(org_id=body.org_id, plan=body.plan)
        changed = await self._cells.call(plans.ChangePlan, request, token=token)
        return reply({"ok": True, "org_id": body.org_id, "plan": changed.plan})


def _period(period: BillingPeriod) -> render.Json:
    return {
        "month": label(period.month),
        "plan": period.plan,
        "quota": period.quota or None,
        "events": period.events,
        "overage": period.overage,
        "projects": [
            {
                "project_id": each.project_id,
                "region": each.region,
                "events": each.events,
                "reported_at": render.timestamp(each.reported_at_unix_ms),
            }
            for each in period.projects
        ],
    }

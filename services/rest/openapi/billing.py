"""Billing in the document."""

from __future__ import annotations

from typing import Final

from services.rest.openapi.area import MANAGED, Area, Body, operation
from services.rest.openapi.shapes import (
    AT,
    MOMENT,
    NUMBER,
    ORG_ID,
    PROJECT_ID,
    TEXT,
    Json,
    an_object,
    list_of,
    ok,
    ref,
)

_TAG: Final = "Billing"
_PLAN: Final[Json] = {"type": "string", "enum": ["hobby", "pro", "growth", "enterprise"]}
_USAGE: Final = {"project_id": PROJECT_ID, "region": "af-south-1", "events": 1_200_000, "reported_at": AT}

_SCHEMAS: Final[Json] = {
    "BillingPeriod": an_object(
        {
            "month": {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}$", "description": "UTC."},
            "plan": {**_PLAN, "description": "In force at the end of the month, or now."},
            "quota": {
                "type": ["integer", "null"],
                "format": "int64",
                "description": "Live events that the plan grants; null: without a limit.",
            },
            "events": {**NUMBER, "description": "Live events counted, as far as the regions have reported."},
            "overage": {**NUMBER, "description": "Those past the quota."},
            "projects": list_of(ref("ProjectUsage")),
        }
    ),
    "ProjectUsage": an_object(
        {
            "project_id": TEXT,
            "region": {**TEXT, "description": "The project's pin, where its events were counted."},
            "events": NUMBER,
            "reported_at": {**MOMENT, "description": "When the region last said so."},
        }
    ),
}

AREA: Final = Area(
    _TAG,
    {
        "/api/v1/billing": {
            "get": operation(
                _TAG,
                "getBilling",
                "Say what an organisation has used, in all regions, month by month",
                Body(
                    ok(org_id=TEXT, plan=_PLAN, periods=list_of(ref("BillingPeriod"))),
                    {
                        "ok": True,
                        "org_id": ORG_ID,
                        "plan": "pro",
                        "periods": [
                            {
                                "month": "2026-05",
                                "plan": "pro",
                                "quota": 1_000_000,
                                "events": 1_200_000,
                                "overage": 200_000,
                                "projects": [_USAGE],
                            }
                        ],
                    },
                ),
                query=("org_id",),
            )
        },
        "/api/v1/billing/plan": {
            "post": operation(
                _TAG,
                "changePlan",
                "Change the plan at once; a smaller one only while the organisation fits into it",
                Body(ok(org_id=TEXT, plan=_PLAN), {"ok": True, "org_id": ORG_ID, "plan": "growth"}),
                errors=(*MANAGED, 409),
                body=Body(
                    an_object(
                        {"org_id": TEXT, "plan": {"type": "string", "enum": ["hobby", "pro", "growth"]}}
                    ),
                    {"org_id": ORG_ID, "plan": "growth"},
                ),
            )
        },
    },
    schemas=_SCHEMAS,
)

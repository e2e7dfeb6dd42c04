"""Plans of organisations: what their regions may count, what they have used, and which plan they are on.

What lives here: UsageService, PlanService. What does not: what the plans grant (mesh/plans.py), and the
counting, which the projects' regions do. docs/plans.md has the rules.
"""

from __future__ import annotations

from mesh.server import Service
from sankofa.org.v1 import plan_pb2
from sankofa.org.v1.plan_pb2_grpc import (
    add_PlanServiceServicer_to_server,
    add_UsageServiceServicer_to_server,
)
from services.org.callers import Callers
from services.org.core import Orgs
from services.org.plans.core import Plans
from services.org.plans.service import PlanServicer
from services.org.plans.usage_service import UsageServicer
from storage.records.plans import PlanRecords


def build_plans(*, callers: Callers, orgs: Orgs, records: PlanRecords) -> list[Service]:
    """Both services."""
    services = plan_pb2.DESCRIPTOR.services_by_name
    return [
        Service(add_UsageServiceServicer_to_server, UsageServicer(records=records), services["UsageService"]),
        Service(
            add_PlanServiceServicer_to_server,
            PlanServicer(plans=Plans(callers=callers, orgs=orgs, records=records)),
            services["PlanService"],
        ),
    ]

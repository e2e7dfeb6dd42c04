"""UsageService on the wire: parse, call, convert."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from mesh.clock import wall_ms
from mesh.context import current
from mesh.errors import CrossingRefused
from mesh.months import earlier, month_of
from sankofa.org.v1.plan_pb2 import LeaseRequest, LeaseResponse, UsageLease, UsageReport
from sankofa.org.v1.plan_pb2_grpc import UsageServiceServicer
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.org.plans.leases import LEASE, lend
from storage.records.plans import PlanRecords, Reported

CELL: Final = "cell"
_OLDEST_MONTHS: Final = 3
"""Further back a report is of nothing that a region still keeps."""


class UsageServicer(UsageServiceServicer):
    """For the cells of all regions: each speaks of its own projects."""

    def __init__(self, *, records: PlanRecords, clock_ms: Callable[[], int] = wall_ms) -> None:
        self._records = records
        self._clock_ms = clock_ms

    async def Lease(self, request: LeaseRequest, context: object) -> LeaseResponse:
        """Takes totals, and lends. What is passed over gets no answer, and is asked for again."""
        caller = current().caller
        if caller.role != CELL:
            raise CrossingRefused(ErrorReason.ERROR_REASON_ROLE_FORBIDDEN)
        now_ms, lease_ms = self._clock_ms(), LEASE // timedelta(milliseconds=1)
        month = month_of(now_ms)
        oldest, newest = earlier(month, _OLDEST_MONTHS), earlier(month, -1)  # clocks differ
        reports = [_reported(each) for each in request.reports if oldest <= each.month <= newest]
        answers = await self._records.report(
            caller.region, reports, now_ms=now_ms, lease_ms=lease_ms, lend=lend
        )
        leases = [
            UsageLease(project_id=report.project_id, month=report.month, lease_ms=lease_ms, **lent._asdict())
            for report, lent in answers
        ]
        return LeaseResponse(leases=leases)


def _reported(report: UsageReport) -> Reported:
    return Reported(
        report.org_id,
        report.project_id,
        report.month,
        report.total,
        report.needed,
        report.ahead,
        report.answered,
        report.holds,
    )

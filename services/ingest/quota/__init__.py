"""Quotas: how many live events the projects of a region may still take this month.

What lives here: the meters of projects, the refusal of what passes a budget, and the asking for budgets. What
does not: the quota itself, which the plan of the organisation has in its primary region (services/org/plans),
and the counting, which is the log's own (storage/log/usage.py): meters are read against it and keep no count.
docs/plans.md has the rules.
"""

from __future__ import annotations

from contextlib import AsyncExitStack

from mesh.admin import Gauges
from mesh.directory import Directory
from mesh.node import Node
from mesh.tasks import background
from services.ingest.plans import ToldPlans
from services.ingest.quota.admission import QuotaAdmission
from services.ingest.quota.asking import Asker
from services.ingest.quota.meters import Meters
from services.ingest.service import Appender
from storage.log import DurableLog
from storage.records.budgets import BudgetRecords


async def build(
    *,
    node: Node,
    stack: AsyncExitStack,
    log: DurableLog,
    behind: Appender,
    directory: Directory,
    records: BudgetRecords,
    plans: ToldPlans,
    ask_every_s: float,
    gauges: list[Gauges] | None = None,
) -> QuotaAdmission:
    """What stands before `behind`, and asks for budgets until `stack` closes."""
    known = await records.budgets()
    meters = Meters(totals=lambda: log.usage, known=known, plans=plans.known)
    plans.follow(meters.plans_told)
    asker = Asker(node=node, directory=directory, meters=meters, records=records, every_s=ask_every_s)
    background(asker.run(), name="event budgets", stack=stack)
    if gauges is not None:
        gauges.append(meters.gauges)
    return QuotaAdmission(meters=meters, behind=behind)

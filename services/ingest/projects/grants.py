"""Takes what the organisations' regions grant: their plans, and how long events and audit logs are kept."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from mesh.directory import Directory
from mesh.plans import is_plan
from sankofa.org.v1.org_pb2 import RetentionRow
from services.ingest.plans import ToldPlans
from services.ingest.projects.facts import ProjectFacts
from storage.records.projects import Granted, ProjectRecords

_log = logging.getLogger(__name__)

MOST_DAYS = 65_535


class Grants:
    """Records first, then the directory, from which the next event has its days."""

    def __init__(
        self, *, records: ProjectRecords, directory: Directory, facts: ProjectFacts, plans: ToldPlans
    ) -> None:
        self._records = records
        self._directory = directory
        self._facts = facts
        self._plans = plans
        self._granted: dict[str, Granted] = {}

    async def take(self, primary_region: str, rows: Iterable[RetentionRow]) -> list[RetentionRow]:
        """Takes rows that a region has sent, of each project the last; raises Unavailable.

        Only the primary region of a project's own organisation may say it: events are deleted on its word.
        Answers the rows to be shown here again, as the registry may not have said yet that it is that. A
        project that is not here yet is passed over: it is told of again when its creation is complete.
        """
        due: dict[str, int] = {}
        granted: dict[str, Granted] = {}
        undecided = []
        for row in {row.project_id: row for row in rows}.values():
            project = self._directory.project(row.project_id)
            if project is None or project.org_id != row.org_id or not 1 <= row.days <= MOST_DAYS:
                continue
            org = self._directory.org(project.org_id)
            if org is None or org.primary_region != primary_region:
                undecided.append(row)
                continue
            if project.retention_days != row.days:
                due[row.project_id] = row.days
            told = Granted(row.audit_days, row.plan if is_plan(row.plan) else None)
            if told.audit_days and self._granted.get(row.project_id) != told:
                granted[row.project_id] = told
        if due:
            await self._records.set_retention(due)
            for project_id in due:
                await self._facts.refresh(project_id)
            _log.info("the retention of %d projects was changed by %s", len(due), primary_region)
        if granted:
            await self._records.set_granted(granted)
            self._granted |= granted
            self._plans.take({name: told.plan for name, told in granted.items() if told.plan is not None})
        return undecided

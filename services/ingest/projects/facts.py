"""What the directory says of this region's projects: always what the records say."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Final, Protocol

from mesh.allowlists import ANYWHERE
from mesh.directory import Directory, ProjectFact
from storage.records.projects import ProjectRecord, ProjectRecords

FACTS_A_WRITE: Final = 1000


class FactWriter(Directory, Protocol):
    """The cell's directory, as its one writer sees it."""

    async def put_projects(self, projects: Sequence[ProjectFact]) -> None:
        """Takes projects of this region."""


class ProjectFacts:
    """Copies projects from the records to the directory, after whoever has changed them there."""

    def __init__(self, *, records: ProjectRecords, directory: FactWriter) -> None:
        self._records = records
        self._directory = directory
        self._one_at_a_time = asyncio.Lock()

    async def refresh(self, project_id: str) -> None:
        """Reads a project again and writes it: of two changes at once the later copy has both."""
        async with self._one_at_a_time:
            project = await self._records.project(project_id)
            if project is not None:
                await self.put([project])

    async def put(self, projects: Iterable[ProjectRecord]) -> None:
        """Writes projects as they are here, where they are not there yet. For a start, before any change."""
        facts = [_fact(project) for project in projects]
        changed = [fact for fact in facts if self._directory.project(fact.project_id) != fact]
        for start in range(0, len(changed), FACTS_A_WRITE):
            await self._directory.put_projects(changed[start : start + FACTS_A_WRITE])


def _fact(project: ProjectRecord) -> ProjectFact:
    return ProjectFact(
        project.project_id,
        project.org_id,
        project.name,
        project.state,
        project.retention_days,
        None if project.allow_lists == ANYWHERE else project.allow_lists,
    )

"""OrgRecords in SQL: the projects of an organisation, wherever they are pinned."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Row, bindparam, delete, insert, select, update

from storage.records.change import org_change
from storage.records.engine import Database
from storage.records.orgs import OrgProject
from storage.records.sql_access import next_seq, refresh
from storage.records.sql_retention import renumber
from storage.records.tables import access_rows, org_projects

_PROJECTS: Final = (
    select(org_projects)
    .where(org_projects.c.org_id == bindparam("of_org"), org_projects.c.state != "pending")
    .order_by(org_projects.c.created_at, org_projects.c.project_id)
)
_SEEN: Final = _PROJECTS.where(
    org_projects.c.project_id.in_(
        select(access_rows.c.project_id).where(
            access_rows.c.user_id == bindparam("of_user"), access_rows.c.role != 0
        )
    )
)


class SqlOrgProjects:
    """The part of OrgRecords that is about projects."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def set_retention(self, org_id: str, project_id: str, days: int | None) -> bool:
        """As OrgRecords says."""
        this = (org_projects.c.org_id == org_id, org_projects.c.project_id == project_id)
        existing = (*this, org_projects.c.state != "pending")
        async with org_change(self._database, org_id) as change:
            query = select(org_projects.c.retention_days).where(*existing).with_for_update(key_share=True)
            found = (await change.connection.execute(query)).one_or_none()
            if found is None or found.retention_days == days:
                change.nothing()
                return found is not None
            await change.connection.execute(update(org_projects).where(*existing).values(retention_days=days))
            await renumber(change.connection, org_id, project_id)
            before, after = {"retention_days": found.retention_days}, {"retention_days": days}
            change.note("project.retention.updated", "project", project_id, before=before, after=after)
            return True

    async def add_pending(self, project: OrgProject) -> int:
        """As OrgRecords says."""
        async with org_change(self._database, project.org_id) as change:
            await change.connection.execute(insert(org_projects).values(_project_values(project)))
            after = {"name": project.name, "region": project.region}
            change.note("project.authorised", "project", project.project_id, after=after)
            return await next_seq(change.connection)

    async def complete(self, org_id: str, project_id: str) -> bool:
        """As OrgRecords says."""
        this = (org_projects.c.org_id == org_id, org_projects.c.project_id == project_id)
        async with org_change(self._database, org_id) as change:
            pending = update(org_projects).where(*this, org_projects.c.state == "pending")
            if (await change.connection.execute(pending.values(state="active"))).rowcount:
                await refresh(change.connection, org_id)
                # The plan may have changed since the ticket was given.
                await renumber(change.connection, org_id, project_id)
                change.note("project.created", "project", project_id)
                return True
            change.nothing()
            return await change.connection.scalar(select(org_projects.c.state).where(*this)) is not None

    async def drop_pending(self, org_id: str, project_id: str) -> None:
        """As OrgRecords says."""
        this = (org_projects.c.project_id == project_id, org_projects.c.state == "pending")
        async with org_change(self._database, org_id) as change:
            if (await change.connection.execute(delete(org_projects).where(*this))).rowcount:
                change.note("project.abandoned", "project", project_id)
            else:
                change.nothing()

    async def overdue(self, before_ms: int) -> list[OrgProject]:
        """As OrgRecords says."""
        late = (org_projects.c.state == "pending", org_projects.c.ticket_expires_at < before_ms)
        async with self._database.read() as connection:
            found = await connection.execute(select(org_projects).where(*late))
            return [_org_project(row) for row in found]

    async def projects(self, org_id: str, *, visible_to: str | None) -> list[OrgProject]:
        """As OrgRecords says."""
        query = _PROJECTS if visible_to is None else _SEEN
        async with self._database.read() as connection:
            found = await connection.execute(query, {"of_org": org_id, "of_user": visible_to})
            return [_org_project(row) for row in found]


def _org_project(row: Row[Any]) -> OrgProject:
    return OrgProject(
        row.project_id,
        row.org_id,
        row.name,
        row.region,
        row.state,
        row.ticket_expires_at,
        row.created_at,
        row.created_by,
        row.retention_days,
    )


def _project_values(project: OrgProject) -> dict[str, object]:
    return {
        "project_id": project.project_id,
        "org_id": project.org_id,
        "name": project.name,
        "region": project.region,
        "state": project.state,
        "ticket_expires_at": project.ticket_expires_at_ms,
        "created_at": project.created_at_ms,
        "created_by": project.created_by,
    }

"""Retention of projects as their organisations want it, numbered in the same feed as the access rows."""

from __future__ import annotations

from typing import Final

from sqlalchemy import bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.records.orgs import ProjectRetention
from storage.records.sql_access import next_seq
from storage.records.tables import org_projects, orgs

_ALL: Final = (
    select(org_projects.c.project_id, org_projects.c.org_id, orgs.c.plan, org_projects.c.retention_days)
    .join_from(org_projects, orgs)
    .where(org_projects.c.region == bindparam("of_region"), org_projects.c.state != "pending")
)
_NEWER: Final = _ALL.where(org_projects.c.retention_seq > bindparam("after_seq"))


async def renumber(connection: AsyncConnection, org_id: str, project_id: str | None = None) -> None:
    """Says that the retention of an organisation's projects, or of one of them, may have changed."""
    of_org = org_projects.c.org_id == org_id
    these = of_org if project_id is None else of_org & (org_projects.c.project_id == project_id)
    # Projects are locked before the feed, as everybody does, so that no two wait for each other.
    locked = select(org_projects.c.project_id).where(these).order_by(org_projects.c.project_id)
    await connection.execute(locked.with_for_update(key_share=True))
    await connection.execute(
        update(org_projects).where(these).values(retention_seq=await next_seq(connection))
    )


async def read_retention(
    connection: AsyncConnection, region: str, after_seq: int | None
) -> list[ProjectRetention]:
    """Of a region's projects that exist: all, or those numbered beyond `after_seq`."""
    query = _ALL if after_seq is None else _NEWER
    found = await connection.execute(query, {"of_region": region, "after_seq": after_seq})
    return [ProjectRetention(*row) for row in found]

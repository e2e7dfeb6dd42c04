"""Who asked for a reassignment: the organisation's own log knows, wherever it is by now."""

from __future__ import annotations

from typing import Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh.context import Actor
from storage.records.tables import org_audit

REQUESTED: Final = "org.primary_region.assign_requested"


async def requested_by(connection: AsyncConnection, org_id: str) -> Actor:
    """Who asked last. What the regions do then is in their name."""
    query = select(org_audit.c.actor_id, org_audit.c.actor_email).where(
        org_audit.c.org_id == org_id, org_audit.c.action == REQUESTED
    )
    found = (await connection.execute(query.order_by(org_audit.c.seq.desc()).limit(1))).one_or_none()
    return Actor("system/assign") if found is None else Actor(found.actor_id, found.actor_email)

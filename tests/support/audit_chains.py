"""Audit logs for tests: organisations and projects with so many rows."""

from __future__ import annotations

import uuid

from mesh.context import Actor, Origin
from storage.records.audit.chain import AuditRow
from storage.records.audit.reading import Log
from storage.records.change import org_change, project_change
from storage.records.engine import Database
from storage.records.moves.rows import erase
from storage.records.moves.triggers import ORG
from storage.records.orgs import Account, OrgRecord
from storage.records.projects import ProjectRecord
from storage.records.records import Records
from tests.support.nodes import EU

ADA = Actor("usr_ada", "ada@example.org", Origin("req_1", "192.0.2.7", "curl/8"))


async def new_org(records: Records, database: Database, rows: int) -> str:
    """An organisation whose log has so many rows, its creation included."""
    name = uuid.uuid4().hex
    account = Account(f"usr_{name}", f"{name}@example.org", f"{name}@example.org", "hash", 1)
    org_id = f"org_{name}"
    await records.orgs.sign_up(account, OrgRecord(org_id, "Shop", "hobby", 1, 1), f"hint {name}")
    await more_org_rows(database, org_id, rows - 1)
    return org_id


async def more_org_rows(database: Database, org_id: str, rows: int) -> None:
    """Rows beyond those that are there."""
    for number in range(rows):
        async with org_change(database, org_id, ADA) as change:
            change.note("team.created", "team", f"team_{number}", after={"name": f"Zoë's “{number}”\\\n"})


async def new_project(records: Records, database: Database, rows: int) -> str:
    """A project whose log has so many rows, its creation included."""
    project_id = f"proj_{uuid.uuid4().hex}"
    await records.projects.provision(ProjectRecord(project_id, "org_1", "Shop", EU, "active", 1, 7), [])
    for number in range(rows - 1):
        async with project_change(database, project_id, ADA) as change:
            change.note("api_key.created", "api_key", f"key_{number}", after={"environment": "live"})
    return project_id


async def chain_of(records: Records, scope: str) -> list[AuditRow]:
    """What the records have."""
    log = Log.ORG if scope.startswith("org_") else Log.PROJECT
    return [row async for row in records.audit.rows(log, scope)]


async def erase_org(database: Database, org_id: str) -> None:
    """As its reassignment does, in the region that it leaves."""
    async with database.write() as connection:
        await erase(connection, ORG, org_id)

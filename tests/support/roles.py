"""Roles put where a test wants them, past who may give which: a person gets theirs by invitation."""

from __future__ import annotations

from sqlalchemy import delete, insert, select

from mesh.permissions import org_role_name, project_role_name
from sankofa.org.v1.org_pb2 import OrgRole, ProjectRole
from storage.records.change import org_change
from storage.records.sql_access import refresh
from storage.records.sql_orgs import SqlOrgRecords
from storage.records.sql_project_roles import put_project_role as put_row
from storage.records.tables import members, org_projects


async def put_member(orgs: SqlOrgRecords, org_id: str, user_id: str, role: OrgRole, home_region: str) -> None:
    """Gives a role in an organisation, noted as such; UNSPECIFIED ends the membership."""
    async with org_change(orgs._database, org_id) as change:
        this = (members.c.org_id == org_id, members.c.user_id == user_id)
        await change.connection.execute(delete(members).where(*this))
        if role != OrgRole.ORG_ROLE_UNSPECIFIED:
            values = {"org_id": org_id, "user_id": user_id, "role": role, "home_region": home_region}
            await change.connection.execute(insert(members).values(values))
        await refresh(change.connection, org_id)
        change.note("member.role.updated", "member", user_id, after={"role": org_role_name(role)})


async def put_project_role(orgs: SqlOrgRecords, project_id: str, user_id: str, role: ProjectRole) -> None:
    """Gives a role in a project, noted as such; UNSPECIFIED takes it away."""
    async with orgs._database.read() as connection:
        owner = select(org_projects.c.org_id).where(org_projects.c.project_id == project_id)
        org_id = (await connection.execute(owner)).scalar_one()
    async with org_change(orgs._database, org_id) as change:
        await put_row(change.connection, project_id, user_id, role)
        await refresh(change.connection, org_id)
        after = {"user_id": user_id, "role": project_role_name(role)}
        change.note("project.role.updated", "project", project_id, after=after)

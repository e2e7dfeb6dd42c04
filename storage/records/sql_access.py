"""Access rows: what each person may do in each project, numbered so that a feed can follow them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import and_, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh.directory import AccessFact
from mesh.permissions import in_project
from sankofa.org.v1.org_pb2 import OrgRole, ProjectRole
from storage.records.sql_project_roles import due_roles
from storage.records.tables import access_feed, access_rows, members, org_projects
from storage.records.vouching import home_region

NOTHING = ProjectRole.PROJECT_ROLE_UNSPECIFIED


class _Member(NamedTuple):
    role: OrgRole
    home_region: str


class _Role(NamedTuple):
    role: ProjectRole
    home_region: str


async def next_seq(connection: AsyncConnection) -> int:
    """The next number. Holding the feed's row makes numbers appear in their order on PostgreSQL as well."""
    raised = update(access_feed).values(seq=access_feed.c.seq + 1).returning(access_feed.c.seq)
    seq: int = (await connection.execute(raised)).scalar_one()
    return seq


async def refresh(connection: AsyncConnection, org_id: str) -> None:
    """Writes what has changed in what an organisation's people may do in its existing projects."""
    query = select(org_projects.c.project_id, org_projects.c.region)
    existing = query.where(org_projects.c.org_id == org_id, org_projects.c.state != "pending")
    people = {
        row.user_id: _Member(row.role, row.home_region)
        for row in await connection.execute(
            select(members.c.user_id, members.c.role, home_region()).where(members.c.org_id == org_id)
        )
    }
    for project_id, region in (await connection.execute(existing)).all():
        given = await due_roles(connection, project_id)
        due = {user: _effective(person, given.get(user, NOTHING)) for user, person in people.items()}
        for user, role in await _differences(connection, project_id, due):
            fact = {
                "org_id": org_id,
                "region": region,
                "role": role.role,
                "home_region": role.home_region,
                "seq": await next_seq(connection),
            }
            await _put(connection, project_id, user, fact)


def _effective(person: _Member, given: ProjectRole) -> _Role:
    return _Role(in_project(person.role, given), person.home_region)


async def _differences(
    connection: AsyncConnection, project_id: str, due: dict[str, _Role]
) -> Iterable[tuple[str, _Role]]:
    query = select(access_rows).where(access_rows.c.project_id == project_id)
    known = {row.user_id: _Role(row.role, row.home_region) for row in await connection.execute(query)}
    gone = {user: _Role(NOTHING, role.home_region) for user, role in known.items() if user not in due}
    return [
        (user, role)
        for user, role in {**gone, **due}.items()
        if known.get(user, _Role(NOTHING, role.home_region)) != role
    ]


async def _put(connection: AsyncConnection, project_id: str, user: str, fact: dict[str, object]) -> None:
    this = (access_rows.c.project_id == project_id, access_rows.c.user_id == user)
    await connection.execute(delete(access_rows).where(*this))
    await connection.execute(insert(access_rows).values(project_id=project_id, user_id=user, **fact))


async def read_access(
    connection: AsyncConnection, region: str, after_seq: int | None
) -> tuple[int, list[AccessFact]]:
    """The number of the feed, and the access rows as OrgRecords.access says."""
    query = select(access_rows).where(access_rows.c.region == region).order_by(access_rows.c.seq)
    wanted = access_rows.c.role != 0 if after_seq is None else access_rows.c.seq > after_seq
    # The number is read first: a change between the two reads comes twice, and is never missed.
    seq = (await connection.execute(select(access_feed.c.seq))).scalar_one()
    rows = [
        AccessFact(row.user_id, row.project_id, row.org_id, row.role, row.home_region, row.seq)
        for row in await connection.execute(query.where(wanted))
    ]
    if after_seq is None:
        rows += await _permitted(connection, region)
    return seq, rows


async def _permitted(connection: AsyncConnection, region: str) -> list[AccessFact]:
    """What tickets have granted to creators: a list without it would take it back too early."""
    creators = select(org_projects, home_region()).join(
        members,
        and_(members.c.org_id == org_projects.c.org_id, members.c.user_id == org_projects.c.created_by),
    )
    pending = creators.where(org_projects.c.region == region, org_projects.c.state == "pending")
    admin = ProjectRole.PROJECT_ROLE_ADMIN
    return [
        AccessFact(row.created_by, row.project_id, row.org_id, admin, row.home_region, 0)
        for row in await connection.execute(pending)
    ]

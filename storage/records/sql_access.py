"""Access rows: what each person may do in each project, numbered so that a feed can follow them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from sqlalchemy import and_, bindparam, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh.directory import AccessFact
from mesh.permissions import in_project
from sankofa.org.v1.org_pb2 import OrgRole, ProjectRole
from storage.records.sql_project_roles import due_roles
from storage.records.tables import access_feed, access_rows, members, org_projects
from storage.records.vouching import home_region

NOTHING = ProjectRole.PROJECT_ROLE_UNSPECIFIED

# Built once: each change has every region's feed ask these.
_OF_REGION: Final = (
    select(access_rows).where(access_rows.c.region == bindparam("of_region")).order_by(access_rows.c.seq)
)
_ALL: Final = _OF_REGION.where(access_rows.c.role != NOTHING)
_NEWER: Final = _OF_REGION.where(access_rows.c.seq > bindparam("after_seq"))
_SEQ: Final = select(access_feed.c.seq)
_RAISED: Final = update(access_feed).values(seq=access_feed.c.seq + 1).returning(access_feed.c.seq)
_PEOPLE: Final = select(members.c.user_id, members.c.role, home_region()).where(
    members.c.org_id == bindparam("of_org")
)
_EXISTING: Final = select(org_projects.c.project_id, org_projects.c.region).where(
    org_projects.c.org_id == bindparam("of_org"), org_projects.c.state != "pending"
)
_OF_PROJECT: Final = select(access_rows).where(access_rows.c.project_id == bindparam("of_project"))


class _Member(NamedTuple):
    role: OrgRole
    home_region: str


class _Role(NamedTuple):
    role: ProjectRole
    home_region: str


async def next_seq(connection: AsyncConnection) -> int:
    """The next number. Holding the feed's row makes numbers appear in their order on PostgreSQL as well."""
    seq: int = (await connection.execute(_RAISED)).scalar_one()
    return seq


async def refresh(connection: AsyncConnection, org_id: str) -> None:
    """Writes what has changed in what an organisation's people may do in its existing projects."""
    org = {"of_org": org_id}
    people = {
        row.user_id: _Member(row.role, row.home_region) for row in await connection.execute(_PEOPLE, org)
    }
    for project_id, region in (await connection.execute(_EXISTING, org)).all():
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
    found = await connection.execute(_OF_PROJECT, {"of_project": project_id})
    known = {row.user_id: _Role(row.role, row.home_region) for row in found}
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
    query = _ALL if after_seq is None else _NEWER
    # The number is read first: a change between the two reads comes twice, and is never missed.
    seq = (await connection.execute(_SEQ)).scalar_one()
    rows = [
        AccessFact(row.user_id, row.project_id, row.org_id, row.role, row.home_region, row.seq)
        for row in await connection.execute(query, {"of_region": region, "after_seq": after_seq})
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

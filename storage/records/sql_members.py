"""MemberRecords in SQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from sqlalchemy import Row, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh.context import act_as
from mesh.errors import Conflict, CrossingRefused, Forbidden, NotFound, Unavailable
from mesh.hints import normalise
from mesh.permissions import org_role_name, project_role_name
from sankofa.org.v1.org_pb2 import OrgRole, ProjectRole
from sankofa.registry.v1.registry_pb2 import Row as Told
from sankofa.residency.v1.error_pb2 import ErrorReason
from storage.records import sql_invitations
from storage.records.change import Change, org_change
from storage.records.engine import Database
from storage.records.members import Admits, Invitation, Joining, Member, Permits, ProjectMember
from storage.records.orgs import Membership
from storage.records.outbox import enqueue
from storage.records.rows import hint_row
from storage.records.sql_access import refresh
from storage.records.sql_memberships import OWNER, end_membership, insert_member, require_another_owner
from storage.records.sql_orgs import insert_account, membership_of, point_at
from storage.records.sql_project_roles import project_members, project_role, put_project_role
from storage.records.tables import (
    access_feed,
    fences,
    members,
    org_projects,
    orgs,
)

_MEMBERS: Final = (
    select(members)
    .where(members.c.org_id == bindparam("of_org"))
    .order_by(members.c.joined_at, members.c.user_id)
)


class SqlMemberRecords:
    """The people of this region's organisations."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def members(self, org_id: str) -> list[Member]:
        """As MemberRecords says."""
        async with self._database.read() as connection:
            return [member_of(row) for row in await connection.execute(_MEMBERS, {"of_org": org_id})]

    async def invitations(self, org_id: str, now_ms: int) -> list[Invitation]:
        """As MemberRecords says."""
        async with self._database.read() as connection:
            return await sql_invitations.open_ones(connection, org_id, now_ms)

    async def known(self, org_id: str, people: Mapping[str, str], home_region: str, now_ms: int) -> set[str]:
        """As MemberRecords says."""
        at_home = (members.c.org_id == org_id, members.c.home_region == home_region)
        here = select(members.c.user_id).where(*at_home, members.c.user_id.in_(people))
        # One statement: PostgreSQL lets an invitation be accepted between two, and finds it in neither.
        query = here.union_all(sql_invitations.open_keys(org_id, now_ms))
        async with self._database.read() as connection:
            found = set(await connection.scalars(query))
        return {user_id for user_id, email in people.items() if found & {user_id, normalise(email)}}

    async def invite(self, invitation: Invitation, secret_hash: bytes, admits: Admits) -> None:
        """As MemberRecords says."""
        async with changing(self._database, invitation.org_id) as change:
            await sql_invitations.add(change.connection, invitation, secret_hash, admits)
            _note_invitation(change, "member.invited", after=invitation)

    async def renew(
        self, org_id: str, invitation_id: str, secret_hash: bytes, expires_at_ms: int, permits: Permits
    ) -> Invitation:
        """As MemberRecords says."""
        async with changing(self._database, org_id) as change:
            _, after = await sql_invitations.renew(
                change.connection, org_id, invitation_id, secret_hash, expires_at_ms, permits
            )
            _note_invitation(change, "invitation.resent", after=after)
            return after

    async def withdraw(self, org_id: str, invitation_id: str, permits: Permits) -> None:
        """As MemberRecords says."""
        async with changing(self._database, org_id) as change:
            before = await sql_invitations.withdraw(change.connection, org_id, invitation_id, permits)
            _note_invitation(change, "invitation.withdrawn", before=before)

    async def invited(self, org_id: str, secret_hash: bytes, now_ms: int) -> Invitation:
        """As MemberRecords says."""
        async with self._database.read() as connection:
            return await sql_invitations.opened(connection, org_id, secret_hash, now_ms)

    async def require_open(self, org_id: str) -> None:
        """As MemberRecords says."""
        async with self._database.read() as connection:
            moved = await connection.scalar(select(fences.c.moved).where(fences.c.subject == org_id))
        if moved:
            raise CrossingRefused(ErrorReason.ERROR_REASON_ORG_MOVED)
        if moved is not None:
            raise Unavailable(ErrorReason.ERROR_REASON_ORG_MOVING)

    async def accept(self, org_id: str, secret_hash: bytes, joining: Joining) -> Membership:
        """As MemberRecords says."""
        act_as(joining.user_id, joining.email)
        async with changing(self._database, org_id) as change:
            connection, region = change.connection, self._database.region
            invitation = await sql_invitations.opened(connection, org_id, secret_hash, joining.at_ms)
            if await _role(connection, org_id, joining.user_id) is not None:
                raise Conflict(ErrorReason.ERROR_REASON_ALREADY_MEMBER)
            if joining.account is not None:
                await insert_account(connection, joining.account)
                await enqueue(connection, [hint_row(region, joining.hint)])
            await sql_invitations.use(connection, invitation.invitation_id)
            await insert_member(connection, org_id, invitation.role, joining)
            await point_at(connection, joining.user_id, org_id)
            for project_id, role in invitation.projects.items():
                await put_project_role(connection, project_id, joining.user_id, role)
            await refresh(connection, org_id)
            after = {"role": org_role_name(invitation.role), "invited_by": invitation.invited_by}
            change.note("member.joined", "member", joining.user_id, after=after)
            return await membership_of(connection, org_id, joining.user_id)

    async def set_role(self, org_id: str, user_id: str, role: OrgRole, by: str, permits: Permits) -> Member:
        """As MemberRecords says."""
        async with changing(self._database, org_id) as change:
            before = await _judged(change.connection, org_id, user_id, by, permits)
            this = (members.c.org_id == org_id, members.c.user_id == user_id)
            if before == role:
                change.nothing()
            else:
                if before == OWNER:
                    await require_another_owner(change.connection, org_id)
                await change.connection.execute(update(members).where(*this).values(role=role))
                await refresh(change.connection, org_id)
                roles = {"before": {"role": org_role_name(before)}, "after": {"role": org_role_name(role)}}
                change.note("member.role.updated", "member", user_id, **roles)
            return member_of((await change.connection.execute(select(members).where(*this))).one())

    async def remove(self, org_id: str, user_id: str, by: str, permits: Permits) -> list[Told]:
        """As MemberRecords says."""
        async with changing(self._database, org_id) as change:
            connection = change.connection
            before = await _judged(connection, org_id, user_id, by, permits)
            ended = await end_membership(connection, self._database.region, org_id, user_id, before)
            action = "member.left" if by == user_id else "member.removed"
            change.note(action, "member", user_id, before={"role": org_role_name(before)})
            return ended

    async def project_members(self, org_id: str, project_id: str) -> list[ProjectMember]:
        """As MemberRecords says."""
        async with self._database.read() as connection:
            await sql_invitations.require_projects(connection, org_id, {project_id})
            people = await connection.execute(_MEMBERS, {"of_org": org_id})
            return await project_members(connection, project_id, [member_of(row) for row in people])

    async def project_role(self, org_id: str, project_id: str, user_id: str) -> ProjectRole:
        """As MemberRecords says."""
        async with self._database.read() as connection:
            return await project_role(connection, org_id, project_id, user_id)

    async def feed(self, org_id: str) -> tuple[int, list[str]]:
        """As MemberRecords says."""
        theirs = select(org_projects.c.region).where(org_projects.c.org_id == org_id).distinct()
        async with self._database.read() as connection:
            seq = (await connection.execute(select(access_feed.c.seq))).scalar_one()
            return seq, list((await connection.scalars(theirs)).all())

    async def set_project_role(self, org_id: str, project_id: str, user_id: str, role: ProjectRole) -> None:
        """As MemberRecords says."""
        async with changing(self._database, org_id) as change:
            await sql_invitations.require_projects(change.connection, org_id, {project_id})
            await require_member(change.connection, org_id, user_id)
            before = await put_project_role(change.connection, project_id, user_id, role)
            if before == role:
                change.nothing()
                return
            await refresh(change.connection, org_id)
            change.note(
                "project.role.updated",
                "project",
                project_id,
                before={"user_id": user_id, "role": project_role_name(before)},
                after={"user_id": user_id, "role": project_role_name(role)},
            )


@asynccontextmanager
async def changing(database: Database, org_id: str) -> AsyncIterator[Change]:
    """A change of an organisation's people: one after the other, whatever its audit log holds yet."""
    async with org_change(database, org_id) as change:
        locked = select(orgs.c.org_id).where(orgs.c.org_id == org_id)
        if await change.connection.scalar(locked.with_for_update(key_share=True)) is None:
            raise NotFound(ErrorReason.ERROR_REASON_ORG_NOT_FOUND)
        yield change


async def require_member(connection: AsyncConnection, org_id: str, user_id: str) -> None:
    """Raises NotFound unless it is a member of the organisation."""
    if await _role(connection, org_id, user_id) is None:
        raise NotFound(ErrorReason.ERROR_REASON_MEMBER_NOT_FOUND)


def member_of(row: Row[Any]) -> Member:
    """A row of `members`."""
    return Member(row.user_id, row.email, row.role, row.home_region, row.joined_at)


async def _role(connection: AsyncConnection, org_id: str, user_id: str) -> OrgRole | None:
    query = select(members.c.role).where(members.c.org_id == org_id, members.c.user_id == user_id)
    role: OrgRole | None = await connection.scalar(query)
    return role


async def _judged(
    connection: AsyncConnection, org_id: str, user_id: str, by: str, permits: Permits
) -> OrgRole:
    """A member's role, once the other may change it: with the roles that both have by now."""
    acting, role = await _role(connection, org_id, by), await _role(connection, org_id, user_id)
    if acting is None:
        raise Forbidden
    if role is None:
        raise NotFound(ErrorReason.ERROR_REASON_MEMBER_NOT_FOUND)
    permits(acting, role)
    return role


def _note_invitation(
    change: Change, action: str, *, before: Invitation | None = None, after: Invitation | None = None
) -> None:
    told = [None if each is None else _told(each) for each in (before, after)]
    which = after or before
    assert which is not None
    change.note(action, "invitation", which.invitation_id, before=told[0], after=told[1])


def _told(invitation: Invitation) -> dict[str, Any]:
    return {
        "email": invitation.email,
        "role": org_role_name(invitation.role),
        "projects": {project: project_role_name(role) for project, role in invitation.projects.items()},
        "expires_at_ms": invitation.expires_at_ms,
    }

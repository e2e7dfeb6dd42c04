"""Invitations in SQL: each a secret's hash that opens one membership, once."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Row, Select, bindparam, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh.errors import Conflict, NotFound
from sankofa.org.v1.org_pb2 import OrgRole, ProjectRole
from sankofa.residency.v1.error_pb2 import ErrorReason
from storage.records.members import Admits, Invitation, Permits
from storage.records.tables import invitations, members, org_projects, orgs

_OPEN: Final = (
    invitations.c.org_id == bindparam("of_org"),
    invitations.c.expires_at > bindparam("now_ms"),
)
_OPEN_ONES: Final = (
    select(invitations).where(*_OPEN).order_by(invitations.c.created_at, invitations.c.invitation_id)
)


async def open_ones(connection: AsyncConnection, org_id: str, now_ms: int) -> list[Invitation]:
    """Those that can still be accepted, oldest first."""
    found = await connection.execute(_OPEN_ONES, {"of_org": org_id, "now_ms": now_ms})
    return [_invitation(row) for row in found]


def open_keys(org_id: str, now_ms: int) -> Select[tuple[str]]:
    """The normalised e-mails of those."""
    return select(invitations.c.email_key).where(*_OPEN).params(of_org=org_id, now_ms=now_ms)


async def add(
    connection: AsyncConnection, invitation: Invitation, secret_hash: bytes, admits: Admits
) -> None:
    """As MemberRecords.invite says; the organisation is locked."""
    org_id, email = invitation.org_id, invitation.email_key
    mine = (members.c.org_id == org_id, members.c.email_key == email)
    if await connection.scalar(select(members.c.user_id).where(*mine).limit(1)) is not None:
        raise Conflict(ErrorReason.ERROR_REASON_ALREADY_MEMBER)
    await require_projects(connection, org_id, set(invitation.projects))
    this = (invitations.c.org_id == org_id, invitations.c.email_key == email)
    await connection.execute(delete(invitations).where(*this))
    others = await connection.scalar(
        select(func.count())
        .select_from(invitations)
        .where(invitations.c.org_id == org_id, invitations.c.expires_at > invitation.created_at_ms)
    )
    plan = (await connection.execute(select(orgs.c.plan).where(orgs.c.org_id == org_id))).scalar_one()
    people = select(func.count()).select_from(members).where(members.c.org_id == org_id)
    admits(plan, int(await connection.scalar(people) or 0) + int(others or 0) + 1)
    await connection.execute(insert(invitations).values(_values(invitation, secret_hash)))


async def renew(
    connection: AsyncConnection,
    org_id: str,
    invitation_id: str,
    secret_hash: bytes,
    expires_at_ms: int,
    permits: Permits,
) -> tuple[Invitation, Invitation]:
    """Before and after."""
    before = await _found(connection, org_id, invitation_id)
    permits(before.role, before.role)
    this = update(invitations).where(invitations.c.invitation_id == invitation_id)
    await connection.execute(this.values(secret_hash=secret_hash, expires_at=expires_at_ms))
    return before, await _found(connection, org_id, invitation_id)


async def withdraw(
    connection: AsyncConnection, org_id: str, invitation_id: str, permits: Permits
) -> Invitation:
    """What it was."""
    found = await _found(connection, org_id, invitation_id)
    permits(found.role, found.role)
    await connection.execute(delete(invitations).where(invitations.c.invitation_id == invitation_id))
    return found


async def opened(connection: AsyncConnection, org_id: str, secret_hash: bytes, now_ms: int) -> Invitation:
    """The invitation that a secret opens. Raises NotFound."""
    this = (invitations.c.org_id == org_id, invitations.c.secret_hash == secret_hash)
    row = (
        await connection.execute(select(invitations).where(*this, invitations.c.expires_at > now_ms))
    ).one_or_none()
    if row is None:
        raise NotFound(ErrorReason.ERROR_REASON_INVITATION_NOT_FOUND)
    return _invitation(row)


async def use(connection: AsyncConnection, invitation_id: str) -> None:
    """It opens nothing any more."""
    await connection.execute(delete(invitations).where(invitations.c.invitation_id == invitation_id))


async def require_projects(connection: AsyncConnection, org_id: str, project_ids: set[str]) -> None:
    """Raises NotFound unless an organisation has these projects."""
    existing = (org_projects.c.org_id == org_id, org_projects.c.state != "pending")
    query = select(org_projects.c.project_id).where(*existing, org_projects.c.project_id.in_(project_ids))
    if project_ids - set((await connection.scalars(query)).all()):
        raise NotFound(ErrorReason.ERROR_REASON_PROJECT_NOT_FOUND)


async def _found(connection: AsyncConnection, org_id: str, invitation_id: str) -> Invitation:
    this = (invitations.c.org_id == org_id, invitations.c.invitation_id == invitation_id)
    row = (await connection.execute(select(invitations).where(*this))).one_or_none()
    if row is None:
        raise NotFound(ErrorReason.ERROR_REASON_INVITATION_NOT_FOUND)
    return _invitation(row)


def _invitation(row: Row[Any]) -> Invitation:
    roles: dict[str, ProjectRole] = dict(row.project_roles)
    role: OrgRole = row.role
    return Invitation(
        row.invitation_id,
        row.org_id,
        row.email,
        row.email_key,
        role,
        roles,
        row.invited_by,
        row.created_at,
        row.expires_at,
    )


def _values(invitation: Invitation, secret_hash: bytes) -> dict[str, object]:
    return {
        "invitation_id": invitation.invitation_id,
        "org_id": invitation.org_id,
        "email": invitation.email,
        "email_key": invitation.email_key,
        "role": invitation.role,
        "project_roles": dict(invitation.projects),
        "secret_hash": secret_hash,
        "invited_by": invitation.invited_by,
        "created_at": invitation.created_at_ms,
        "expires_at": invitation.expires_at_ms,
    }

"""Members and invitations of an organisation: the rules, without gRPC and SQL."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from mesh.clock import wall_ms
from mesh.errors import InvalidInput
from mesh.hints import normalise
from mesh.ids import new_id
from mesh.mail import Mail, Mailer
from mesh.permissions import OrgAction, permitted, require
from mesh.plans import require_members
from mesh.secrets import hash_of
from sankofa.org.v1.org_pb2 import OrgRole, ProjectRole
from services.org.callers import Callers
from services.org.members.access_wait import AccessWait
from services.org.naming import require_email
from storage.records.members import Invitation, Member, MemberRecords, Permits

LIFETIME: Final = timedelta(days=7)
"""How long an invitation can be accepted."""

MOST_PROJECTS: Final = 100
OWNER: Final = OrgRole.ORG_ROLE_OWNER


@dataclass(frozen=True, slots=True)
class People:
    """Members, and open invitations where the caller may see them."""

    members: Sequence[Member]
    invitations: Sequence[Invitation]


class Members:
    """The people of the organisations whose primary region this is."""

    def __init__(
        self,
        *,
        records: MemberRecords,
        callers: Callers,
        mailer: Mailer,
        wait: AccessWait,
        clock_ms: Callable[[], int] = wall_ms,
    ) -> None:
        self._records = records
        self._callers = callers
        self._mailer = mailer
        self._wait = wait
        self._clock_ms = clock_ms

    async def people(self, token: str | None, org_id: str) -> People:
        """Who is in an organisation, and who is about to be."""
        caller = await self._callers.member(token, org_id, OrgAction.LIST_MEMBERS)
        sees = permitted(OrgAction.LIST_INVITATIONS, caller.role)
        invitations = await self._records.invitations(org_id, self._clock_ms()) if sees else []
        return People(await self._records.members(org_id), invitations)

    async def known(self, org_id: str, people: Mapping[str, str], home_region: str) -> set[str]:
        """Who of another region's people, e-mails by user id, is a member or has an open invitation."""
        return await self._records.known(org_id, people, home_region, self._clock_ms())

    async def invite(
        self, token: str | None, org_id: str, email: str, role: OrgRole, projects: Mapping[str, ProjectRole]
    ) -> Invitation:
        """Writes an invitation, and has its secret sent. An Owner is invited by Owners only.

        Raises Forbidden (PLAN_REQUIRED too), InvalidInput, NotFound (a project), Conflict (ALREADY_MEMBER),
        Unavailable where the mail could not be sent: the invitation is there, and can be sent again.
        """
        caller = await self._callers.member(token, org_id, OrgAction.INVITE_MEMBER)
        _require_role(role)
        _require_roles(projects)
        if role == OWNER:
            require(OrgAction.MANAGE_OWNERS, caller.role)
        email, now, secret = require_email(email), self._clock_ms(), secrets.token_urlsafe(32)
        ends = now + LIFETIME // timedelta(milliseconds=1)
        key = normalise(email)
        invitation = Invitation(new_id("inv"), org_id, email, key, role, projects, caller.user_id, now, ends)
        await self._records.invite(invitation, hash_of(secret), require_members)
        await self._mailer.send(_mail(invitation, caller.org.name, secret))
        return invitation

    async def resend(self, token: str | None, org_id: str, invitation_id: str) -> Invitation:
        """A new secret, which ends the old one. Raises Forbidden, NotFound, Unavailable."""
        caller = await self._callers.member(token, org_id, OrgAction.MANAGE_INVITATIONS)
        secret = secrets.token_urlsafe(32)
        ends = self._clock_ms() + LIFETIME // timedelta(milliseconds=1)
        invitation = await self._records.renew(
            org_id, invitation_id, hash_of(secret), ends, _may_invite(caller.role)
        )
        await self._mailer.send(_mail(invitation, caller.org.name, secret))
        return invitation

    async def withdraw(self, token: str | None, org_id: str, invitation_id: str) -> None:
        """Raises Forbidden, NotFound."""
        caller = await self._callers.member(token, org_id, OrgAction.MANAGE_INVITATIONS)
        await self._records.withdraw(org_id, invitation_id, _may_invite(caller.role))

    async def set_role(self, token: str | None, org_id: str, user_id: str, role: OrgRole) -> Member:
        """Changes a role; effective in all regions when it answers, where they can be reached.

        Raises Forbidden, InvalidInput, NotFound, Conflict (LAST_OWNER).
        """
        caller = await self._callers.member(token, org_id, OrgAction.CHANGE_MEMBER)
        _require_role(role)

        def permits(acting: OrgRole, had: OrgRole) -> None:
            require(OrgAction.CHANGE_MEMBER, acting)
            if OWNER in (role, had):
                require(OrgAction.MANAGE_OWNERS, acting)

        member = await self._records.set_role(org_id, user_id, role, caller.user_id, permits)
        await self._wait.told(org_id)
        return member

    async def remove(self, token: str | None, org_id: str, user_id: str) -> None:
        """Ends a membership: anybody may leave. Raises as `set_role`."""
        caller = await self._callers.member(token, org_id, OrgAction.LEAVE_ORG)

        def permits(acting: OrgRole, had: OrgRole) -> None:
            if user_id == caller.user_id:
                require(OrgAction.LEAVE_ORG, acting)
                return
            require(OrgAction.REMOVE_MEMBER, acting)
            if had == OWNER:
                require(OrgAction.MANAGE_OWNERS, acting)

        if user_id != caller.user_id:
            require(OrgAction.REMOVE_MEMBER, caller.role)
        ended = await self._records.remove(org_id, user_id, caller.user_id, permits)
        await self._wait.told(org_id, ended)


def _may_invite(acting: OrgRole) -> Permits:
    """An invitation to be an Owner is the Owners' to send again and to withdraw."""

    def permits(_: OrgRole, role: OrgRole) -> None:
        if role == OWNER:
            require(OrgAction.MANAGE_OWNERS, acting)

    return permits


def _require_role(role: OrgRole) -> None:
    if role not in OrgRole.values()[1:]:
        raise InvalidInput(detail="role is member, admin or owner")


def _require_roles(projects: Mapping[str, ProjectRole]) -> None:
    if len(projects) > MOST_PROJECTS:
        raise InvalidInput(
            detail=f"projects are at most {MOST_PROJECTS}: give the others once they have joined"
        )
    if any(role not in ProjectRole.values()[1:] for role in projects.values()):
        raise InvalidInput(detail="a role in a project is viewer, editor or admin")


def _mail(invitation: Invitation, org_name: str, secret: str) -> Mail:
    text = (
        f"You are invited to {org_name}.\n\n"
        f"Accept with this code within {LIFETIME.days} days:\n\n"
        f"    {invitation.org_id}.{secret}\n\n"
        "POST it as `token` to /api/v1/members/accept, signed in to your account, or with a `password` for a "
        "new one.\nWhoever did not expect this can forget it.\n"
    )
    return Mail(invitation.org_id, invitation.email, f"Your invitation to {org_name}", text)

"""What a region keeps of the people of its organisations: members, invitations, teams, roles in projects."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from mesh.plans import Plan
from sankofa.org.v1.org_pb2 import OrgRole, ProjectRole
from sankofa.registry.v1.registry_pb2 import Row
from storage.records.orgs import Account, Membership


@dataclass(frozen=True, slots=True)
class Member:
    """A member of an organisation; `email` is their account's when they joined."""

    user_id: str
    email: str
    role: OrgRole
    home_region: str
    joined_at_ms: int


@dataclass(frozen=True, slots=True)
class Invitation:
    """Who is invited to what. `email_key` is the e-mail normalised, `projects` are roles by project id."""

    invitation_id: str
    org_id: str
    email: str
    email_key: str
    role: OrgRole
    projects: Mapping[str, ProjectRole]
    invited_by: str
    created_at_ms: int
    expires_at_ms: int


@dataclass(frozen=True, slots=True)
class Team:
    """A team, its members and its roles by project id."""

    team_id: str
    name: str
    created_at_ms: int
    user_ids: Sequence[str] = ()
    projects: Mapping[str, ProjectRole] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ProjectMember:
    """What a member may do in a project, and where they have it from; `given`: by name."""

    member: Member
    role: ProjectRole
    given: ProjectRole
    team_ids: Sequence[str]


@dataclass(frozen=True, slots=True)
class Joining:
    """Who accepts an invitation; `account` is theirs where it is made on the way, and its home is here."""

    user_id: str
    email: str
    home_region: str
    at_ms: int
    account: Account | None = None
    hint: str = ""


Permits = Callable[[OrgRole, OrgRole], None]
"""Asked with the roles that the acting and the other member have in the transaction; raises Forbidden."""

Admits = Callable[[Plan, int], None]
"""Asked with an organisation's plan and how many people it would have then; raises Forbidden."""


class MemberRecords(Protocol):
    """Every mutation is one transaction with its audit row, on disk when it returns.

    All methods raise Unavailable; those that write, NotFound for what the organisation does not have.
    """

    async def members(self, org_id: str) -> list[Member]:
        """By the time they joined."""

    async def invitations(self, org_id: str, now_ms: int) -> list[Invitation]:
        """Those that can still be accepted, oldest first."""

    async def known(self, org_id: str, people: Mapping[str, str], home_region: str, now_ms: int) -> set[str]:
        """Of people, e-mails by user id: members whose home is that region, and who is invited."""

    async def invite(self, invitation: Invitation, secret_hash: bytes, admits: Admits) -> None:
        """Takes the place of an earlier invitation of the same person. Raises Conflict(ALREADY_MEMBER)."""

    async def renew(
        self, org_id: str, invitation_id: str, secret_hash: bytes, expires_at_ms: int, permits: Permits
    ) -> Invitation:
        """A new secret and a new end; `permits` is asked with the role that it invites to, twice."""

    async def withdraw(self, org_id: str, invitation_id: str, permits: Permits) -> None:
        """Its secret opens nothing from now on."""

    async def invited(self, org_id: str, secret_hash: bytes, now_ms: int) -> Invitation:
        """The invitation that a secret opens. Raises NotFound(INVITATION_NOT_FOUND)."""

    async def require_open(self, org_id: str) -> None:
        """Raises Unavailable(ORG_MOVING) or CrossingRefused(ORG_MOVED) where it can't be changed."""

    async def accept(self, org_id: str, secret_hash: bytes, joining: Joining) -> Membership:
        """Uses a secret up. Raises NotFound, Conflict (ALREADY_MEMBER, EMAIL_TAKEN)."""

    async def set_role(self, org_id: str, user_id: str, role: OrgRole, by: str, permits: Permits) -> Member:
        """Raises NotFound(MEMBER_NOT_FOUND), Conflict(LAST_OWNER)."""

    async def remove(self, org_id: str, user_id: str, by: str, permits: Permits) -> list[Row]:
        """Ends a membership, with its places in teams and roles, and its single sign-ons.

        Answers the registry rows that say so, which it has enqueued. Raises as `set_role`.
        """

    async def project_members(self, org_id: str, project_id: str) -> list[ProjectMember]:
        """Who has a role in a project."""

    async def project_role(self, org_id: str, project_id: str, user_id: str) -> ProjectRole:
        """What a member may do in a project; UNSPECIFIED: nothing."""

    async def feed(self, org_id: str) -> tuple[int, list[str]]:
        """The number of the access feed's last change, and the regions of an organisation's projects."""

    async def set_project_role(self, org_id: str, project_id: str, user_id: str, role: ProjectRole) -> None:
        """By name; UNSPECIFIED takes it away."""


class TeamRecords(Protocol):
    """As MemberRecords."""

    async def teams(self, org_id: str) -> list[Team]:
        """By name."""

    async def create(self, org_id: str, team: Team) -> None:
        """Writes a team without members and projects. Raises Conflict(TOO_MANY)."""

    async def rename(self, org_id: str, team_id: str, name: str) -> Team:
        """Gives a team another name."""

    async def delete(self, org_id: str, team_id: str) -> None:
        """With its places and roles."""

    async def set_member(self, org_id: str, team_id: str, user_id: str, *, is_member: bool) -> Team:
        """Whether a member of the organisation is in the team."""

    async def set_project(self, org_id: str, team_id: str, project_id: str, role: ProjectRole) -> Team:
        """What the team's members may do in a project; UNSPECIFIED: nothing."""

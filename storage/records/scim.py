"""What a primary region keeps of its organisations' directories (RFC 7643): a token, users, groups."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from sankofa.org.v1.org_pb2 import OrgRole
from sankofa.registry.v1.registry_pb2 import Row
from storage.records.orgs import OrgRecord


@dataclass(frozen=True, slots=True)
class ScimToken:
    """The credential of a directory. `token_hash`: SHA-256 of it."""

    token_id: str
    token_hash: bytes
    created_at_ms: int
    created_by: str


@dataclass(frozen=True, slots=True)
class ScimFields:
    """What a directory says of a person. `role` UNSPECIFIED: not a word."""

    user_name: str
    external_id: str
    email: str
    role: OrgRole
    active: bool


@dataclass(frozen=True, slots=True)
class Reference:
    """A team that a user is in, and its name."""

    id: str
    display: str


@dataclass(frozen=True, slots=True)
class ScimUser:
    """A member, or who was one. `fields.role` is UNSPECIFIED for who is not active.

    `own_email`: whether it is the e-mail of an account of their own, which no directory can change.
    """

    user_id: str
    fields: ScimFields
    created_at_ms: int
    changed_at_ms: int
    own_email: bool = False
    groups: Sequence[Reference] = ()

    @property
    def version(self) -> str:
        """Another one for each state of the fields."""
        return _version(self.user_id, self.fields)


@dataclass(frozen=True, slots=True)
class ScimGroup:
    """A team, as the directory sees it."""

    team_id: str
    name: str
    external_id: str
    created_at_ms: int
    user_ids: Sequence[str] = ()

    @property
    def version(self) -> str:
        """Another one for each name, number and set of members."""
        return _version(self.team_id, self.name, self.external_id, sorted(self.user_ids))


@dataclass(frozen=True, slots=True)
class ScimPage:
    """Which of a list are wanted; empty conditions are none. `name` in whatever case."""

    id: str = ""
    external_id: str = ""
    name: str = ""
    offset: int = 0
    limit: int = 100


Judges = Callable[[ScimFields, ScimFields], None]
"""Asked with a user as they are and as they are to be; raises InvalidInput."""


class ScimRecords(Protocol):
    """Every mutation is one transaction with its audit row, on disk when it returns.

    All methods raise Unavailable. Those that replace raise Conflict(CHANGED_MEANWHILE) unless the state is of
    the version given.
    """

    async def org(self, org_id: str) -> OrgRecord | None:
        """The organisation, if it is here."""

    async def token(self, org_id: str) -> ScimToken | None:
        """The token that counts."""

    async def put_token(self, org_id: str, token: ScimToken) -> None:
        """In the place of the one before."""

    async def delete_token(self, org_id: str) -> None:
        """No token counts any more."""

    async def users(self, org_id: str, page: ScimPage) -> tuple[list[ScimUser], int]:
        """A page in the order in which they came, and how many there are.

        Who is not active is left out where somebody who is has their name.
        """

    async def create_user(self, org_id: str, user_id: str, fields: ScimFields, at_ms: int) -> ScimUser:
        """Raises Conflict (ALREADY_MEMBER for a name or an e-mail of another, TOO_MANY), Forbidden."""

    async def replace_user(
        self,
        org_id: str,
        user_id: str,
        fields: ScimFields,
        *,
        version: str,
        default_role: OrgRole,
        judges: Judges,
        at_ms: int,
    ) -> tuple[ScimUser, list[Row]]:
        """Role UNSPECIFIED leaves a member's; who comes back has the default role then.

        With the rows that MemberRecords.remove answers, where the membership ends. Raises
        NotFound(MEMBER_NOT_FOUND), Conflict (ALREADY_MEMBER, LAST_OWNER, TOO_MANY).
        """

    async def delete_user(self, org_id: str, user_id: str) -> list[Row]:
        """Answers as MemberRecords.remove. Raises NotFound(MEMBER_NOT_FOUND), Conflict(LAST_OWNER)."""


class ScimGroupRecords(Protocol):
    """As ScimRecords. Those that write raise NotFound(TEAM_NOT_FOUND), InvalidInput for who is no member."""

    async def groups(self, org_id: str, page: ScimPage) -> tuple[list[ScimGroup], int]:
        """A page in the order in which they were made, and how many there are."""

    async def create_group(self, org_id: str, group: ScimGroup) -> ScimGroup:
        """With its members. Raises Conflict(TOO_MANY)."""

    async def replace_group(self, org_id: str, group: ScimGroup, *, version: str) -> ScimGroup:
        """Its name, number and members."""

    async def delete_group(self, org_id: str, team_id: str) -> None:
        """With its places and roles."""


def _version(*state: object) -> str:
    return hashlib.sha256(repr(state).encode()).hexdigest()[:16]

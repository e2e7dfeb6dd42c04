"""Users and groups as SCIM writes them, and as the contracts do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from scim2_models import InvalidValueException, Meta, Reference

from mesh.permissions import org_role_name
from sankofa.org.v1.org_pb2 import OrgRole
from sankofa.org.v1.scim_pb2 import ScimGroup, ScimUser, ScimUserFields
from services.rest.members import ORG_ROLES
from services.rest.scim.resources import Email, Group, GroupMember, GroupMembership, Role, User

NO_ROLE: Final = OrgRole.ORG_ROLE_UNSPECIFIED


def user_of(message: ScimUser) -> User:
    """As it is answered; references are relative to the root of the organisation's endpoints."""
    said = message.fields
    return User(
        id=message.user_id,
        external_id=said.external_id or None,
        user_name=said.user_name,
        active=said.active,
        emails=[Email(value=said.email, type="work", primary=True)] if said.email else None,
        roles=[Role(value=org_role_name(said.role))] if said.role != NO_ROLE else None,
        groups=[
            GroupMembership(value=each.id, ref=Reference["Group"](f"Groups/{each.id}"), display=each.display)
            for each in message.groups
        ]
        or None,
        meta=Meta(
            resource_type="User",
            created=_moment(message.created_at_unix_ms),
            last_modified=_moment(message.changed_at_unix_ms),
            version=message.version,
        ),
    )


def fields_of(user: User) -> ScimUserFields:
    """As it is sent on. Raises InvalidValueException."""
    return ScimUserFields(
        user_name=user.user_name or "",
        external_id=user.external_id or "",
        email=_email(user.emails or ()),
        role=_role(user.roles or ()),
        active=user.active is not False,
    )


def group_of(message: ScimGroup) -> Group:
    """As it is answered."""
    return Group(
        id=message.team_id,
        external_id=message.external_id or None,
        display_name=message.name,
        members=[
            GroupMember(value=user_id, ref=Reference["User"](f"Users/{user_id}"))
            for user_id in message.user_ids
        ]
        or None,
        meta=Meta(
            resource_type="Group", created=_moment(message.created_at_unix_ms), version=message.version
        ),
    )


def members_of(group: Group) -> list[str]:
    """Their ids. Raises InvalidValueException."""
    ids = [each.value for each in group.members or ()]
    if not all(ids):
        raise InvalidValueException(detail="members: each has the id of a user as its value")
    return [each for each in ids if each]


def _email(emails: Sequence[Email]) -> str:
    chosen = sorted(emails, key=lambda email: (not email.primary, email.type != "work"))
    return next((email.value for email in chosen if email.value), "")


def _role(roles: Sequence[Role]) -> OrgRole:
    """The highest of those that are named: PATCH adds one to what is there."""
    names = {(role.value or "").lower() for role in roles}
    if not names <= ORG_ROLES.keys():
        raise InvalidValueException(detail="roles: member or admin")
    return max((ORG_ROLES[name] for name in names), default=NO_ROLE)


def _moment(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)

"""What a directory can say here, and what it can ask about it (RFC 7643, 4.1, 4.2 and 5).

Fewer attributes than a directory knows: what nobody here needs, such as a person's name, is not taken in. It
is passed over, not refused, since directories send all that they have.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, TypeAlias

from pydantic import Field
from scim2_models import (
    AuthenticationScheme,
    Bulk,
    CaseExact,
    ChangePassword,
    ComplexAttribute,
    ETag,
    Filter,
    Mutability,
    Patch,
    Reference,
    Required,
    Resource,
    ResourceType,
    ScimPolicy,
    ScimProvider,
    ServiceProviderConfig,
    Sort,
    Uniqueness,
)
from scim2_models.urn import URN

MOST_A_PAGE: Final = 200
_ToGroup: TypeAlias = Reference["Group"]
_ToUser: TypeAlias = Reference["User"]
_READ_ONLY: Final = Mutability.read_only


class Email(ComplexAttribute):
    """One is kept: the primary one, or else the first of work, or else the first."""

    value: str | None = None
    type: str | None = Field(None, examples=["work"])
    primary: bool | None = None


class Role(ComplexAttribute):
    """The role in the organisation: an Owner is made here, and by no directory."""

    value: str | None = Field(None, examples=["member", "admin"])


class GroupMembership(ComplexAttribute):
    """A team that a user is in; said of the team."""

    value: Annotated[str | None, _READ_ONLY, CaseExact.true] = None
    ref: Annotated[_ToGroup | None, _READ_ONLY] = Field(
        None, serialization_alias="$ref", validation_alias="$ref"
    )
    display: Annotated[str | None, _READ_ONLY] = None


class User(Resource[Any]):
    """A member of the organisation, or who was one: then `active` is false."""

    __schema__ = URN("urn:ietf:params:scim:schemas:core:2.0:User")

    user_name: Annotated[str | None, Uniqueness.server, Required.true] = None
    active: bool | None = None
    emails: list[Email] | None = None
    roles: list[Role] | None = None
    groups: Annotated[list[GroupMembership] | None, _READ_ONLY] = None


class GroupMember(ComplexAttribute):
    """A user who is in a team."""

    value: Annotated[str | None, Mutability.immutable, CaseExact.true] = None
    ref: Annotated[_ToUser | None, Mutability.immutable] = Field(
        None, serialization_alias="$ref", validation_alias="$ref"
    )


class Group(Resource[Any]):
    """A team of the organisation."""

    __schema__ = URN("urn:ietf:params:scim:schemas:core:2.0:Group")

    display_name: Annotated[str | None, Required.true] = None
    members: list[GroupMember] | None = None


_CONFIG: Final = ServiceProviderConfig(
    patch=Patch(supported=True),
    bulk=Bulk(supported=False, max_operations=0, max_payload_size=0),
    filter=Filter(supported=True, max_results=MOST_A_PAGE),
    change_password=ChangePassword(supported=False),
    sort=Sort(supported=False),
    etag=ETag(supported=False),
    authentication_schemes=[
        AuthenticationScheme(
            type=AuthenticationScheme.Type.oauthbearertoken,
            name="The directory's token",
            description="An Owner of the organisation makes it: POST /api/v1/sso/scim?org_id=…",
            primary=True,
        )
    ],
)
# What Entra ID and others send beside the standard; none of it can be mistaken for something else.
_POLICY: Final = ScimPolicy(
    unknown=ScimPolicy.Unknown.ignore,
    remove_value_as_filter=ScimPolicy.RemoveValue.apply,
    unmatched_path_filter=ScimPolicy.UnmatchedPathFilter.create,
)
PROVIDER: Final = ScimProvider(
    [User, Group], [ResourceType.from_resource(User), ResourceType.from_resource(Group)], _CONFIG, _POLICY
)

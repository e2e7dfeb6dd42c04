"""Where scim2-server reads and writes: the organisation's primary region, over the ORG plane."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol, TypeAlias, TypeVar

from google.protobuf.message import Message
from scim2_models import (
    InvalidFilterException,
    NotFoundException,
    NotImplementedException,
    Resource,
    ResourceType,
    ResponseParameters,
    SearchRequest,
)
from scim2_models.path import AttrPath, CompareOperator, Comparison
from scim2_server.storage import ScimStorage, SearchPage

from sankofa.org.v1.scim_pb2 import (
    CreateScimGroupRequest,
    CreateScimUserRequest,
    DeleteScimGroupRequest,
    DeleteScimUserRequest,
    ListScimGroupsRequest,
    ListScimUsersRequest,
    ReplaceScimGroupRequest,
    ReplaceScimUserRequest,
    ScimPage,
)
from sankofa.org.v1.scim_pb2_grpc import ScimServiceStub
from services.rest.scim.conversion import fields_of, group_of, members_of, user_of
from services.rest.scim.resources import MOST_A_PAGE, Group, User

T = TypeVar("T")
Rpc: TypeAlias = Callable[..., Awaitable[T]]
_FILTERS: Final = {
    "User": {"id": "id", "externalid": "external_id", "username": "name"},
    "Group": {"id": "id", "externalid": "external_id", "displayname": "name"},
}
_WHAT: Final = "filters are userName (of groups: displayName), externalId or id, eq and a text"


class Ask(Protocol):
    """A call to the organisation's primary region with the directory's token, from a thread that waits."""

    def __call__(self, rpc: Callable[[ScimServiceStub], Rpc[T]], request: Message) -> T:
        """Raises SankofaError."""


class PrimaryStorage(ScimStorage):
    """One organisation's users and groups, for one request of its directory."""

    def __init__(self, *, ask: Ask, org_id: str) -> None:
        self._ask = ask
        self._org_id = org_id

    def get(
        self,
        resource_type: ResourceType,
        resource_id: str,
        *,
        response_parameters: ResponseParameters[Any] | None = None,
    ) -> Resource[Any]:
        """As ScimStorage says."""
        found = (self._page(resource_type, ScimPage(id=resource_id, limit=1))).resources
        if not found:
            raise NotFoundException(detail=f"{resource_type.name} not found")
        return found[0]

    def search(
        self,
        resource_types: list[ResourceType],
        search_request: SearchRequest[Any],
        *,
        position: Any = None,
    ) -> SearchPage:
        """As ScimStorage says."""
        if len(resource_types) != 1:
            raise NotImplementedException(detail="ask for /Users or for /Groups")
        page = _wanted(resource_types[0], search_request)
        page.offset = min(search_request.start_index_0 or 0, 2**31 - 1)
        page.limit = MOST_A_PAGE if search_request.count is None else search_request.count
        return self._page(resource_types[0], page)

    def create(self, resource_type: ResourceType, resource: Resource[Any]) -> Resource[Any]:
        """As ScimStorage says."""
        if isinstance(resource, User):
            request = CreateScimUserRequest(org_id=self._org_id, fields=fields_of(resource))
            return user_of((self._ask(lambda primary: primary.CreateScimUser, request)).user)
        assert isinstance(resource, Group)
        wanted = CreateScimGroupRequest(
            org_id=self._org_id,
            name=resource.display_name or "",
            external_id=resource.external_id or "",
            user_ids=members_of(resource),
        )
        return group_of((self._ask(lambda primary: primary.CreateScimGroup, wanted)).group)

    def update(
        self,
        resource_type: ResourceType,
        resource: Resource[Any],
        *,
        expected_version: str | None = None,
    ) -> Resource[Any]:
        """As ScimStorage says, but for another version: Conflict(CHANGED_MEANWHILE)."""
        if isinstance(resource, User):
            request = ReplaceScimUserRequest(
                org_id=self._org_id,
                user_id=resource.id or "",
                fields=fields_of(resource),
                version=expected_version or "",
            )
            return user_of((self._ask(lambda primary: primary.ReplaceScimUser, request)).user)
        assert isinstance(resource, Group)
        wanted = ReplaceScimGroupRequest(
            org_id=self._org_id,
            team_id=resource.id or "",
            name=resource.display_name or "",
            external_id=resource.external_id or "",
            user_ids=members_of(resource),
            version=expected_version or "",
        )
        return group_of((self._ask(lambda primary: primary.ReplaceScimGroup, wanted)).group)

    def delete(
        self, resource_type: ResourceType, resource_id: str, *, expected_version: str | None = None
    ) -> None:
        """As ScimStorage says, whatever the version: no condition is supported."""
        if resource_type.name == "User":
            request = DeleteScimUserRequest(org_id=self._org_id, user_id=resource_id)
            self._ask(lambda primary: primary.DeleteScimUser, request)
        else:
            gone = DeleteScimGroupRequest(org_id=self._org_id, team_id=resource_id)
            self._ask(lambda primary: primary.DeleteScimGroup, gone)

    def _page(self, resource_type: ResourceType, page: ScimPage) -> SearchPage:
        if resource_type.name == "User":
            asked = ListScimUsersRequest(org_id=self._org_id, page=page)
            users = self._ask(lambda primary: primary.ListScimUsers, asked)
            return SearchPage(users.total, [user_of(each) for each in users.users])
        wanted = ListScimGroupsRequest(org_id=self._org_id, page=page)
        groups = self._ask(lambda primary: primary.ListScimGroups, wanted)
        return SearchPage(groups.total, [group_of(each) for each in groups.groups])


def _wanted(resource_type: ResourceType, search_request: SearchRequest[Any]) -> ScimPage:
    """A filter as conditions. Raises InvalidFilterException for any but the few that directories send."""
    if search_request.filter is None:
        return ScimPage()
    match search_request.filter.ast:
        case Comparison(AttrPath(name, None), CompareOperator.eq, str(value)) if value:
            match _FILTERS[resource_type.name or ""].get(name.lower()):
                case "id":
                    return ScimPage(id=value)
                case "external_id":
                    return ScimPage(external_id=value)
                case "name":
                    return ScimPage(name=value)
    raise InvalidFilterException(detail=_WHAT)

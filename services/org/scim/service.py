"""ScimService and ScimTokenService on the wire: parse, call, convert."""

from __future__ import annotations

from typing import Final

from mesh.context import current
from sankofa.org.v1 import scim_pb2 as pb
from sankofa.org.v1.scim_pb2_grpc import ScimServiceServicer, ScimTokenServiceServicer
from services.org.scim.groups import Groups
from services.org.scim.tokens import Tokens
from services.org.scim.users import Users
from storage.records.scim import ScimFields, ScimGroup, ScimPage, ScimUser

MOST_A_PAGE: Final = 200


class ScimServicer(ScimServiceServicer):
    """What a directory asks for."""

    def __init__(self, *, users: Users, groups: Groups) -> None:
        self._users = users
        self._groups = groups

    async def ListScimUsers(
        self, request: pb.ListScimUsersRequest, context: object
    ) -> pb.ListScimUsersResponse:
        """A page of them."""
        users, total = await self._users.page(current().token, request.org_id, _page(request.page))
        return pb.ListScimUsersResponse(users=[_user(each) for each in users], total=total)

    async def CreateScimUser(
        self, request: pb.CreateScimUserRequest, context: object
    ) -> pb.CreateScimUserResponse:
        """A new one."""
        user = await self._users.create(current().token, request.org_id, _fields(request.fields))
        return pb.CreateScimUserResponse(user=_user(user))

    async def ReplaceScimUser(
        self, request: pb.ReplaceScimUserRequest, context: object
    ) -> pb.ReplaceScimUserResponse:
        """All of one."""
        user = await self._users.replace(
            current().token, request.org_id, request.user_id, _fields(request.fields), request.version
        )
        return pb.ReplaceScimUserResponse(user=_user(user))

    async def DeleteScimUser(
        self, request: pb.DeleteScimUserRequest, context: object
    ) -> pb.DeleteScimUserResponse:
        """Gone."""
        await self._users.delete(current().token, request.org_id, request.user_id)
        return pb.DeleteScimUserResponse()

    async def ListScimGroups(
        self, request: pb.ListScimGroupsRequest, context: object
    ) -> pb.ListScimGroupsResponse:
        """A page of them."""
        groups, total = await self._groups.page(current().token, request.org_id, _page(request.page))
        return pb.ListScimGroupsResponse(groups=[_group(each) for each in groups], total=total)

    async def CreateScimGroup(
        self, request: pb.CreateScimGroupRequest, context: object
    ) -> pb.CreateScimGroupResponse:
        """A new one."""
        group = await self._groups.create(
            current().token, request.org_id, request.name, request.external_id, request.user_ids
        )
        return pb.CreateScimGroupResponse(group=_group(group))

    async def ReplaceScimGroup(
        self, request: pb.ReplaceScimGroupRequest, context: object
    ) -> pb.ReplaceScimGroupResponse:
        """All of one."""
        group = await self._groups.replace(
            current().token,
            request.org_id,
            request.team_id,
            request.name,
            request.external_id,
            request.user_ids,
            request.version,
        )
        return pb.ReplaceScimGroupResponse(group=_group(group))

    async def DeleteScimGroup(
        self, request: pb.DeleteScimGroupRequest, context: object
    ) -> pb.DeleteScimGroupResponse:
        """Gone."""
        await self._groups.delete(current().token, request.org_id, request.team_id)
        return pb.DeleteScimGroupResponse()


class ScimTokenServicer(ScimTokenServiceServicer):
    """What an Owner asks for."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    async def GetScimToken(self, request: pb.GetScimTokenRequest, context: object) -> pb.GetScimTokenResponse:
        """Without the secret."""
        kept = await self._tokens.get(current().token, request.org_id)
        if kept is None:
            return pb.GetScimTokenResponse()
        return pb.GetScimTokenResponse(
            token_id=kept.token_id, created_at_unix_ms=kept.created_at_ms, created_by=kept.created_by
        )

    async def CreateScimToken(
        self, request: pb.CreateScimTokenRequest, context: object
    ) -> pb.CreateScimTokenResponse:
        """With the secret."""
        made, secret = await self._tokens.create(current().token, request.org_id)
        return pb.CreateScimTokenResponse(
            token_id=made.token_id, token=secret, created_at_unix_ms=made.created_at_ms
        )

    async def DeleteScimToken(
        self, request: pb.DeleteScimTokenRequest, context: object
    ) -> pb.DeleteScimTokenResponse:
        """Gone."""
        await self._tokens.delete(current().token, request.org_id)
        return pb.DeleteScimTokenResponse()


def _page(page: pb.ScimPage) -> ScimPage:
    limit = min(max(page.limit, 0), MOST_A_PAGE)
    return ScimPage(page.id, page.external_id, page.name, max(page.offset, 0), limit)


def _fields(fields: pb.ScimUserFields) -> ScimFields:
    return ScimFields(fields.user_name, fields.external_id, fields.email, fields.role, fields.active)


def _user(user: ScimUser) -> pb.ScimUser:
    said = user.fields
    return pb.ScimUser(
        user_id=user.user_id,
        fields=pb.ScimUserFields(
            user_name=said.user_name,
            external_id=said.external_id,
            email=said.email,
            role=said.role,
            active=said.active,
        ),
        groups=[pb.ScimReference(id=each.id, display=each.display) for each in user.groups],
        created_at_unix_ms=user.created_at_ms,
        changed_at_unix_ms=user.changed_at_ms,
        version=user.version,
    )


def _group(group: ScimGroup) -> pb.ScimGroup:
    return pb.ScimGroup(
        team_id=group.team_id,
        name=group.name,
        external_id=group.external_id,
        user_ids=group.user_ids,
        created_at_unix_ms=group.created_at_ms,
        version=group.version,
    )

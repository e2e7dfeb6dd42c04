"""Members and invitations of an organisation, answered by its primary region."""

from __future__ import annotations

from typing import Final, Literal

import msgspec
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from mesh.directory import Directory
from mesh.errors import InvalidInput, NotFound
from mesh.permissions import org_role_name, project_role_name
from mesh.tokens import USER, verify
from sankofa.org.v1.account_pb2 import IntroduceRequest
from sankofa.org.v1.member_pb2 import (
    AcceptInvitationRequest,
    Invitation,
    InviteRequest,
    ListMembersRequest,
    Member,
    ProjectGrant,
    RemoveMemberRequest,
    ResendInvitationRequest,
    SetMemberRoleRequest,
    WithdrawInvitationRequest,
)
from sankofa.org.v1.member_pb2_grpc import MemberServiceStub
from sankofa.org.v1.org_pb2 import OrgRole, ProjectRole
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.rest import render
from services.rest.cells import Cells
from services.rest.primaries import Primaries
from services.rest.routing import bearer, org_named, read_json, reply, resource

OrgRoleName = Literal["member", "admin", "owner"]
ProjectRoleName = Literal["viewer", "editor", "admin"]
ORG_ROLES: Final[dict[str, OrgRole]] = {
    "member": OrgRole.ORG_ROLE_MEMBER,
    "admin": OrgRole.ORG_ROLE_ADMIN,
    "owner": OrgRole.ORG_ROLE_OWNER,
}
PROJECT_ROLES: Final[dict[str, ProjectRole]] = {
    "viewer": ProjectRole.PROJECT_ROLE_VIEWER,
    "editor": ProjectRole.PROJECT_ROLE_EDITOR,
    "admin": ProjectRole.PROJECT_ROLE_ADMIN,
}


class NewInvitation(msgspec.Struct):
    """POST /api/v1/members/invite. `projects`: roles by project id."""

    email: str
    role: OrgRoleName = "member"
    projects: dict[str, ProjectRoleName] = {}


class Acceptance(msgspec.Struct):
    """POST /api/v1/members/accept. `token` is what the mail says: an organisation's id, a dot, a secret."""

    token: str
    password: str | None = None


class RoleChange(msgspec.Struct):
    """PATCH /api/v1/members/{user_id}."""

    role: OrgRoleName


class Members:
    """The people of an organisation."""

    def __init__(self, *, directory: Directory, cells: Cells, primaries: Primaries) -> None:
        self._directory = directory
        self._cells = cells
        self._primaries = primaries

    def routes(self) -> list[Route]:
        """Every route of members."""
        members, invitation = "/api/v1/members", "/api/v1/members/invitations/{invitation_id}"
        return [
            resource(members, GET=self.list_members),
            resource(f"{members}/invite", POST=self.invite),
            resource(f"{members}/accept", POST=self.accept),
            resource(f"{invitation}/resend", POST=self.resend),
            resource(invitation, DELETE=self.withdraw),
            resource(f"{members}/{{user_id}}", PATCH=self.change_role, DELETE=self.remove),
        ]

    async def list_members(self, http: HttpRequest) -> Response:
        """Members; for Admins, who is invited too."""
        token, org_id, stub = await self._asked(http)
        found = await self._cells.call(stub.ListMembers, ListMembersRequest(org_id=org_id), token=token)
        return reply(
            {
                "ok": True,
                "members": [member(each) for each in found.members],
                "invitations": [invitation(each) for each in found.invitations],
            }
        )

    async def invite(self, http: HttpRequest) -> Response:
        """A mail with a secret that works once, for seven days."""
        token, org_id, stub = await self._asked(http)
        body = await read_json(http, NewInvitation)
        projects = [
            ProjectGrant(project_id=project_id, role=PROJECT_ROLES[role])
            for project_id, role in body.projects.items()
        ]
        request = InviteRequest(org_id=org_id, email=body.email, role=ORG_ROLES[body.role], projects=projects)
        invited = await self._cells.call(stub.Invite, request, token=token)
        return reply({"ok": True, "invitation": invitation(invited.invitation)}, status=201)

    async def accept(self, http: HttpRequest) -> Response:
        """Signed in, the account's home vouches for the person; with a password they get a new account."""
        signed_in = "authorization" in http.headers
        token = bearer(http) if signed_in else ""
        body = await read_json(http, Acceptance)
        org_id, _, secret = body.token.partition(".")
        fact = self._directory.org(org_id)
        if fact is None or not secret:
            raise NotFound(ErrorReason.ERROR_REASON_INVITATION_NOT_FOUND)
        if signed_in == bool(body.password):
            raise InvalidInput(detail="sign in to accept, or send a password for a new account")
        request = AcceptInvitationRequest(org_id=org_id, secret=secret, password=body.password or "")
        if signed_in:
            request.introduction = await self._introduction(token, org_id)
        stub = await self._cells.members(fact.primary_region)
        joined = await self._cells.call(stub.AcceptInvitation, request)
        return reply(
            {"ok": True, "user_id": joined.member.user_id, "org": render.org(joined.org)}, status=201
        )

    async def resend(self, http: HttpRequest) -> Response:
        """Another mail; the secret of the one before opens nothing any more."""
        token, org_id, stub = await self._asked(http)
        request = ResendInvitationRequest(org_id=org_id, invitation_id=http.path_params["invitation_id"])
        sent = await self._cells.call(stub.ResendInvitation, request, token=token)
        return reply({"ok": True, "invitation": invitation(sent.invitation)})

    async def withdraw(self, http: HttpRequest) -> Response:
        """Its secret opens nothing any more."""
        token, org_id, stub = await self._asked(http)
        request = WithdrawInvitationRequest(org_id=org_id, invitation_id=http.path_params["invitation_id"])
        await self._cells.call(stub.WithdrawInvitation, request, token=token)
        return reply({"ok": True})

    async def change_role(self, http: HttpRequest) -> Response:
        """At once, in every region that can be reached."""
        token, org_id, stub = await self._asked(http)
        body = await read_json(http, RoleChange)
        request = SetMemberRoleRequest(
            org_id=org_id, user_id=http.path_params["user_id"], role=ORG_ROLES[body.role]
        )
        changed = await self._cells.call(stub.SetMemberRole, request, token=token)
        return reply({"ok": True, "member": member(changed.member)})

    async def remove(self, http: HttpRequest) -> Response:
        """Somebody else, or oneself."""
        token, org_id, stub = await self._asked(http)
        request = RemoveMemberRequest(org_id=org_id, user_id=http.path_params["user_id"])
        await self._cells.call(stub.RemoveMember, request, token=token)
        return reply({"ok": True})

    async def _asked(self, http: HttpRequest) -> tuple[str, str, MemberServiceStub]:
        token, org_id = bearer(http), org_named(http)
        return token, org_id, await self._cells.members(await self._primaries.of(token, org_id))

    async def _introduction(self, token: str, org_id: str) -> str:
        home = verify(token, directory=self._directory, audience=USER).issuer_region
        stub = await self._cells.accounts(home)
        request = IntroduceRequest(region=home, org_id=org_id)
        introduction: str = (await self._cells.call(stub.Introduce, request, token=token)).introduction
        return introduction


def member(message: Member) -> render.Json:
    """A member."""
    return {
        "user_id": message.user_id,
        "email": message.email,
        "role": org_role_name(message.role),
        "home_region": message.home_region,
        "joined_at": render.timestamp(message.joined_at_unix_ms),
    }


def invitation(message: Invitation) -> render.Json:
    """An invitation."""
    return {
        "id": message.invitation_id,
        "email": message.email,
        "role": org_role_name(message.role),
        "projects": {grant.project_id: project_role_name(grant.role) for grant in message.projects},
        "invited_by": message.invited_by,
        "created_at": render.timestamp(message.created_at_unix_ms),
        "expires_at": render.timestamp(message.expires_at_unix_ms),
    }

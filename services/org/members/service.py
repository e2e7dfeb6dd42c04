"""MemberService on the wire: parse, call, convert."""

from __future__ import annotations

from collections.abc import Mapping

from mesh.context import current
from mesh.errors import CrossingRefused
from sankofa.org.v1 import member_pb2 as pb
from sankofa.org.v1.member_pb2_grpc import MemberServiceServicer
from sankofa.org.v1.org_pb2 import Org, ProjectRole
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.org.members.core import Members
from services.org.members.joining import Joinings
from services.org.members.project_roles import ProjectRoles
from storage.records.members import Invitation, Member, ProjectMember


class MemberServicer(MemberServiceServicer):
    """Handlers of one region."""

    def __init__(
        self, *, region: str, members: Members, joinings: Joinings, project_roles: ProjectRoles
    ) -> None:
        self._region = region
        self._members = members
        self._joinings = joinings
        self._project_roles = project_roles

    async def ListMembers(self, request: pb.ListMembersRequest, context: object) -> pb.ListMembersResponse:
        """Members, and who is invited."""
        people = await self._members.people(current().token, request.org_id)
        return pb.ListMembersResponse(
            members=[_member(each) for each in people.members],
            invitations=[_invitation(each) for each in people.invitations],
        )

    async def FindPeople(self, request: pb.FindPeopleRequest, context: object) -> pb.FindPeopleResponse:
        """For a cell, about the accounts of its own region."""
        caller = current().caller
        if caller.role != "cell":
            raise CrossingRefused(ErrorReason.ERROR_REASON_ROLE_FORBIDDEN)
        people = {person.user_id: person.email for person in request.people}
        found = await self._members.known(request.org_id, people, caller.region)
        return pb.FindPeopleResponse(user_ids=sorted(found))

    async def Invite(self, request: pb.InviteRequest, context: object) -> pb.InviteResponse:
        """A mail is on its way."""
        projects = {grant.project_id: grant.role for grant in request.projects}
        invitation = await self._members.invite(
            current().token, request.org_id, request.email, request.role, projects
        )
        return pb.InviteResponse(invitation=_invitation(invitation))

    async def ResendInvitation(
        self, request: pb.ResendInvitationRequest, context: object
    ) -> pb.ResendInvitationResponse:
        """Another mail is on its way."""
        invitation = await self._members.resend(current().token, request.org_id, request.invitation_id)
        return pb.ResendInvitationResponse(invitation=_invitation(invitation))

    async def WithdrawInvitation(
        self, request: pb.WithdrawInvitationRequest, context: object
    ) -> pb.WithdrawInvitationResponse:
        """It opens nothing any more."""
        await self._members.withdraw(current().token, request.org_id, request.invitation_id)
        return pb.WithdrawInvitationResponse()

    async def AcceptInvitation(
        self, request: pb.AcceptInvitationRequest, context: object
    ) -> pb.AcceptInvitationResponse:
        """A new member."""
        joined = await self._joinings.accept(
            request.org_id, request.secret, introduction=request.introduction, password=request.password
        )
        member = pb.Member(
            user_id=joined.user_id, email=joined.email, role=joined.role, home_region=joined.home_region
        )
        org = joined.org
        told = Org(
            org_id=org.org_id, name=org.name, plan=org.plan, primary_region=self._region, role=joined.role
        )
        return pb.AcceptInvitationResponse(member=member, org=told)

    async def SetMemberRole(
        self, request: pb.SetMemberRoleRequest, context: object
    ) -> pb.SetMemberRoleResponse:
        """Another role."""
        member = await self._members.set_role(current().token, request.org_id, request.user_id, request.role)
        return pb.SetMemberRoleResponse(member=_member(member))

    async def RemoveMember(self, request: pb.RemoveMemberRequest, context: object) -> pb.RemoveMemberResponse:
        """No member any more."""
        await self._members.remove(current().token, request.org_id, request.user_id)
        return pb.RemoveMemberResponse()

    async def ListProjectMembers(
        self, request: pb.ListProjectMembersRequest, context: object
    ) -> pb.ListProjectMembersResponse:
        """Who may do what there."""
        found = await self._project_roles.members(current().token, request.org_id, request.project_id)
        return pb.ListProjectMembersResponse(members=[_project_member(each) for each in found])

    async def SetProjectRole(
        self, request: pb.SetProjectRoleRequest, context: object
    ) -> pb.SetProjectRoleResponse:
        """By name."""
        member = await self._project_roles.put(
            current().token, request.org_id, request.project_id, request.user_id, request.role
        )
        return pb.SetProjectRoleResponse(member=None if member is None else _project_member(member))


def grants(projects: Mapping[str, ProjectRole]) -> list[pb.ProjectGrant]:
    """Roles by project id."""
    return [pb.ProjectGrant(project_id=project, role=role) for project, role in sorted(projects.items())]


def _member(member: Member) -> pb.Member:
    return pb.Member(
        user_id=member.user_id,
        email=member.email,
        role=member.role,
        home_region=member.home_region,
        joined_at_unix_ms=member.joined_at_ms,
    )


def _invitation(invitation: Invitation) -> pb.Invitation:
    return pb.Invitation(
        invitation_id=invitation.invitation_id,
        email=invitation.email,
        role=invitation.role,
        projects=grants(invitation.projects),
        invited_by=invitation.invited_by,
        created_at_unix_ms=invitation.created_at_ms,
        expires_at_unix_ms=invitation.expires_at_ms,
    )


def _project_member(found: ProjectMember) -> pb.ProjectMember:
    return pb.ProjectMember(
        member=_member(found.member), role=found.role, given_role=found.given, team_ids=found.team_ids
    )

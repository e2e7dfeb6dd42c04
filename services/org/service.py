"""OrgService on the wire: parse, call, convert."""

from __future__ import annotations

from mesh.access import require_operator
from mesh.context import act_as, current
from mesh.plans import retention_days
from sankofa.org.v1 import org_pb2 as pb
from sankofa.org.v1.org_pb2_grpc import OrgServiceServicer
from services.org.core import OrgProjects, Orgs, Session
from storage.records.orgs import Membership


class OrgServicer(OrgServiceServicer):
    """Handlers of one region."""

    def __init__(self, *, region: str, orgs: Orgs) -> None:
        self._region = region
        self._orgs = orgs

    async def SignUp(self, request: pb.SignUpRequest, context: object) -> pb.SignUpResponse:
        """An account and its organisation."""
        session = await self._orgs.sign_up(request.email, request.password, request.org_name)
        return pb.SignUpResponse(
            token=session.tokens.access,
            refresh_token=session.tokens.refresh,
            user=self._user(session),
            orgs=self._owned(session),
        )

    async def Login(self, request: pb.LoginRequest, context: object) -> pb.LoginResponse:
        """A token."""
        session = await self._orgs.log_in(
            request.email, request.password, code=request.code, hint=request.hint
        )
        return pb.LoginResponse(
            token=session.tokens.access,
            refresh_token=session.tokens.refresh,
            user=self._user(session),
            orgs=self._owned(session),
            elsewhere=session.elsewhere,
        )

    async def ListOrgs(self, request: pb.ListOrgsRequest, context: object) -> pb.ListOrgsResponse:
        """The caller's organisations here."""
        members = await self._orgs.memberships(current().token)
        return pb.ListOrgsResponse(orgs=[self._org(member) for member in members])

    async def ListProjects(self, request: pb.ListProjectsRequest, context: object) -> pb.ListProjectsResponse:
        """What the caller may see."""
        projects = await self._orgs.projects(current().token, request.org_id)
        return pb.ListProjectsResponse(projects=_projects(projects))

    async def GetResidency(self, request: pb.GetResidencyRequest, context: object) -> pb.GetResidencyResponse:
        """Where everything is."""
        projects = await self._orgs.residency(current().token, request.org_id)
        return pb.GetResidencyResponse(primary_region=self._region, projects=_projects(projects))

    async def AuthorizeCreate(
        self, request: pb.AuthorizeCreateRequest, context: object
    ) -> pb.AuthorizeCreateResponse:
        """A ticket."""
        permit = await self._orgs.authorise_create(
            current().token, request.org_id, request.name, request.region
        )
        return pb.AuthorizeCreateResponse(project_id=permit.project_id, ticket=permit.ticket)

    async def CompleteCreate(
        self, request: pb.CompleteCreateRequest, context: object
    ) -> pb.CompleteCreateResponse:
        """The project exists."""
        await self._orgs.complete_create(current().token, request.org_id, request.project_id)
        return pb.CompleteCreateResponse()

    async def SetRetention(self, request: pb.SetRetentionRequest, context: object) -> pb.SetRetentionResponse:
        """Within the plan."""
        days = await self._orgs.set_retention(
            current().token, request.org_id, request.project_id, request.retention_days
        )
        return pb.SetRetentionResponse(retention_days=days)

    async def SetPlan(self, request: pb.SetPlanRequest, context: object) -> pb.SetPlanResponse:
        """For who holds an operator's certificate."""
        require_operator()
        act_as(f"operator/{current().caller.region}")
        await self._orgs.set_plan(request.org_id, request.plan)
        return pb.SetPlanResponse()

    def _user(self, session: Session) -> pb.User:
        return pb.User(user_id=session.user_id, email=session.email, home_region=self._region)

    def _owned(self, session: Session) -> list[pb.Org]:
        return [self._org(member) for member in session.memberships]

    def _org(self, member: Membership) -> pb.Org:
        org = member.org
        return pb.Org(
            org_id=org.org_id,
            name=org.name,
            plan=org.plan,
            primary_region=self._region,
            role=member.role,
        )


def _projects(found: OrgProjects) -> list[pb.OrgProject]:
    return [
        pb.OrgProject(
            project_id=project.project_id,
            org_id=project.org_id,
            name=project.name,
            region=project.region,
            created_at_unix_ms=project.created_at_ms,
            retention_days=retention_days(found.plan, project.retention_days),
        )
        for project in found.projects
    ]

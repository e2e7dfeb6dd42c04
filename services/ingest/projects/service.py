"""ProjectService on the wire: parse, call, convert."""

from __future__ import annotations

from mesh.context import current
from sankofa.ingest.v1 import project_pb2 as pb
from sankofa.ingest.v1.project_pb2_grpc import ProjectServiceServicer
from services.ingest.projects.core import Minted, Projects
from storage.records.projects import ProjectWithKeys

_STATES = {
    "active": pb.ProjectState.PROJECT_STATE_ACTIVE,
    "archived": pb.ProjectState.PROJECT_STATE_ARCHIVED,
}


class ProjectServicer(ProjectServiceServicer):
    """Handlers of one region."""

    def __init__(self, *, projects: Projects) -> None:
        self._projects = projects

    async def Provision(self, request: pb.ProvisionRequest, context: object) -> pb.ProvisionResponse:
        """A project from a ticket."""
        made = await self._projects.provision(request.ticket)
        return pb.ProvisionResponse(
            project=_project(made.stored), live_key=_minted(made.live), test_key=_minted(made.test)
        )

    async def CheckProvision(
        self, request: pb.CheckProvisionRequest, context: object
    ) -> pb.CheckProvisionResponse:
        """Whether it exists."""
        project = await self._projects.check(request.project_id)
        if project is None:
            return pb.CheckProvisionResponse()
        return pb.CheckProvisionResponse(state=_STATES[project.state])

    async def GetProject(self, request: pb.GetProjectRequest, context: object) -> pb.GetProjectResponse:
        """A project and its keys."""
        stored = await self._projects.get(current().token, request.project_id)
        return pb.GetProjectResponse(project=_project(stored))

    async def MintKey(self, request: pb.MintKeyRequest, context: object) -> pb.MintKeyResponse:
        """A new key."""
        minted = await self._projects.mint(current().token, request.project_id, request.environment)
        return pb.MintKeyResponse(key=_minted(minted))

    async def RevokeKey(self, request: pb.RevokeKeyRequest, context: object) -> pb.RevokeKeyResponse:
        """Revoked for ever."""
        await self._projects.revoke(current().token, request.project_id, request.key_id)
        return pb.RevokeKeyResponse()

    async def SetAllowLists(
        self, request: pb.SetAllowListsRequest, context: object
    ) -> pb.SetAllowListsResponse:
        """Where events may come from."""
        sets_domains, sets_ips = request.HasField("authorized_domains"), request.HasField("authorized_ips")
        stored = await self._projects.set_allow_lists(
            current().token,
            request.project_id,
            domains=request.authorized_domains.entries if sets_domains else None,
            networks=request.authorized_ips.entries if sets_ips else None,
        )
        return pb.SetAllowListsResponse(project=_project(stored))

    async def ArchiveProject(
        self, request: pb.ArchiveProjectRequest, context: object
    ) -> pb.ArchiveProjectResponse:
        """Takes no events any more."""
        stored = await self._projects.archive(current().token, request.project_id)
        return pb.ArchiveProjectResponse(project=_project(stored))


def _project(stored: ProjectWithKeys) -> pb.Project:
    project = stored.project
    keys = [
        pb.KeyInfo(
            key_id=key.key_id,
            environment=key.environment,
            created_at_unix_ms=key.created_at_ms,
            revoked=key.revoked_at_ms is not None,
        )
        for key in stored.keys
    ]
    return pb.Project(
        project_id=project.project_id,
        org_id=project.org_id,
        name=project.name,
        region=project.region,
        state=_STATES[project.state],
        created_at_unix_ms=project.created_at_ms,
        keys=keys,
        retention_days=project.retention_days,
        authorized_domains=pb.AllowList(entries=project.allow_lists.domains),
        authorized_ips=pb.AllowList(entries=project.allow_lists.networks),
    )


def _minted(minted: Minted) -> pb.MintedKey:
    record = minted.record
    return pb.MintedKey(key_id=record.key_id, environment=record.environment, secret=minted.secret)

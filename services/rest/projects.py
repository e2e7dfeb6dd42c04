"""Projects and their keys: thin routes that find the region that answers and ask it."""

from __future__ import annotations

import asyncio
import logging
from typing import Literal

import msgspec
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from mesh.access import authorise
from mesh.directory import Directory
from mesh.errors import InvalidInput, NotFound, SankofaError
from mesh.permissions import ProjectAction
from mesh.plans import MOST_RETENTION_DAYS
from sankofa.ingest.v1.project_pb2 import (
    AllowList,
    ArchiveProjectRequest,
    GetProjectRequest,
    MintKeyRequest,
    ProvisionRequest,
    ProvisionResponse,
    RevokeKeyRequest,
    SetAllowListsRequest,
)
from sankofa.org.v1.org_pb2 import (
    AuthorizeCreateRequest,
    CompleteCreateRequest,
    ListProjectsRequest,
    SetRetentionRequest,
)
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.rest import render
from services.rest.cells import Cells
from services.rest.primaries import NEWS_POLL_S, NEWS_WAIT_S, Primaries
from services.rest.project_callers import ProjectCallers
from services.rest.routing import (
    ENVIRONMENTS,
    bearer,
    org_named,
    project_here,
    read_json,
    reply,
    require_person,
    resource,
)

log = logging.getLogger(__name__)


class NewProject(msgspec.Struct):
    """POST /api/v1/projects."""

    org_id: str
    name: str
    region: str | None = None


class NewKey(msgspec.Struct):
    """POST /api/v1/projects/{project_id}/keys."""

    environment: Literal["live", "test"]


class ProjectChange(msgspec.Struct):
    """PATCH /api/v1/projects/{project_id}. Days None: as many as the plan grants."""

    retention_days: int | msgspec.UnsetType | None = msgspec.UNSET
    authorized_domains: list[str] | msgspec.UnsetType = msgspec.UNSET
    authorized_ips: list[str] | msgspec.UnsetType = msgspec.UNSET
    region: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET

    def lists(self) -> dict[str, AllowList]:
        """The allow-lists that are to be set."""
        sent = {"authorized_domains": self.authorized_domains, "authorized_ips": self.authorized_ips}
        return {name: AllowList(entries=each) for name, each in sent.items() if each is not msgspec.UNSET}


class Projects:
    """Projects of an organisation, and those pinned to the shim's own region."""

    def __init__(
        self,
        *,
        region: str,
        directory: Directory,
        cells: Cells,
        primaries: Primaries,
        callers: ProjectCallers,
    ) -> None:
        self._region = region
        self._directory = directory
        self._cells = cells
        self._primaries = primaries
        self._callers = callers

    def routes(self) -> list[Route]:
        """Every route of projects."""
        project = "/api/v1/projects/{project_id}"
        return [
            resource("/api/v1/projects", GET=self.list_projects, POST=self.create_project),
            resource(project, GET=self.get_project, PATCH=self.change_project),
            resource(f"{project}/keys", POST=self.mint_key),
            resource(f"{project}/keys/{{key_id}}", DELETE=self.revoke_key),
            resource(f"{project}/archive", POST=self.archive_project),
        ]

    async def list_projects(self, http: HttpRequest) -> Response:
        """The projects of an organisation, answered by its primary region."""
        token, org_id = bearer(http), org_named(http)
        org = await self._primaries.orgs(token, org_id)
        listed = await self._cells.call(org.ListProjects, ListProjectsRequest(org_id=org_id), token=token)
        return reply({"ok": True, "projects": [render.org_project(each) for each in listed.projects]})

    async def create_project(self, http: HttpRequest) -> Response:
        """Ticket from the organisation's primary region, project and keys from the chosen one."""
        token, body = bearer(http), await read_json(http, NewProject)
        region = body.region or self._primaries.default()
        org = await self._primaries.orgs(token, body.org_id)
        projects = await self._cells.projects(region)
        permitted = await self._cells.call(
            org.AuthorizeCreate,
            AuthorizeCreateRequest(org_id=body.org_id, name=body.name, region=region),
            token=token,
        )
        # Without the user's token: the ticket says all that the project's region needs to know.
        made = await self._cells.call(
            projects.Provision, ProvisionRequest(region=region, ticket=permitted.ticket)
        )
        completion = CompleteCreateRequest(org_id=body.org_id, project_id=permitted.project_id)
        try:
            await self._cells.call(org.CompleteCreate, completion, token=token)
        except SankofaError:
            # The project exists, its secrets are shown only now; the organisation asks CheckProvision later.
            log.warning("project %s: its organisation will learn of it later", permitted.project_id)
        return reply(_created(made), status=201)

    async def get_project(self, http: HttpRequest) -> Response:
        """A project of this region."""
        token, project_id = await self._callers.of(http)
        projects = await self._cells.projects(self._region)
        got = await self._cells.call(
            projects.GetProject, GetProjectRequest(project_id=project_id), token=token
        )
        return reply({"ok": True, "project": render.project(got.project)})

    async def change_project(self, http: HttpRequest) -> Response:
        """Sets where its events may come from, here; or has the primary region set how long they are kept."""
        token, project_id = await self._callers.of(http)
        authorise(self._directory, token, project_id, ProjectAction.CHANGE_PROJECT, mutation=False)
        change = await read_json(http, ProjectChange)
        if change.region is not msgspec.UNSET:
            raise InvalidInput(ErrorReason.ERROR_REASON_REGION_IMMUTABLE)
        wanted = change.retention_days
        if change.lists():
            if wanted is not msgspec.UNSET:
                raise InvalidInput(detail="retention_days is another region's to set: send it by itself")
            return await self._set_allow_lists(token, project_id, change)
        if wanted is msgspec.UNSET:
            raise InvalidInput(detail="retention_days, authorized_domains, authorized_ips can be changed")
        require_person(token)  # another region is asked
        if wanted is not None and not 1 <= wanted <= MOST_RETENTION_DAYS:
            raise InvalidInput(
                detail=f"retention_days is 1 to {MOST_RETENTION_DAYS}, or null for what the plan grants"
            )
        days = await self._set_retention(token, project_id, wanted or 0)
        projects = await self._cells.projects(self._region)
        got = await self._cells.call(
            projects.GetProject, GetProjectRequest(project_id=project_id), token=token
        )
        return reply({"ok": True, "project": render.project(got.project) | {"retention_days": days}})

    async def _set_allow_lists(self, token: str, project_id: str, change: ProjectChange) -> Response:
        request = SetAllowListsRequest(project_id=project_id, **change.lists())
        projects = await self._cells.projects(self._region)
        changed = await self._cells.call(projects.SetAllowLists, request, token=token)
        return reply({"ok": True, "project": render.project(changed.project)})

    async def _set_retention(self, token: str, project_id: str, days: int) -> int:
        """Asks the primary region, then waits a moment for this region to hear of it; it will in the end."""
        fact = self._directory.project(project_id)
        if fact is None:
            raise NotFound(ErrorReason.ERROR_REASON_PROJECT_NOT_FOUND)
        org = await self._primaries.orgs(token, fact.org_id)
        request = SetRetentionRequest(org_id=fact.org_id, project_id=project_id, retention_days=days)
        granted: int = (await self._cells.call(org.SetRetention, request, token=token)).retention_days
        deadline = asyncio.get_running_loop().time() + NEWS_WAIT_S
        while asyncio.get_running_loop().time() < deadline:
            fact = self._directory.project(project_id)
            if fact is None or fact.retention_days == granted:
                break
            await asyncio.sleep(NEWS_POLL_S)
        return granted

    async def mint_key(self, http: HttpRequest) -> Response:
        """A new key, its secret shown this once."""
        token, project_id = bearer(http), self._project(http)
        body = await read_json(http, NewKey)
        request = MintKeyRequest(project_id=project_id, environment=ENVIRONMENTS[body.environment])
        projects = await self._cells.projects(self._region)
        minted = await self._cells.call(projects.MintKey, request, token=token)
        return reply({"ok": True, "key": render.minted_key(minted.key)}, status=201)

    async def revoke_key(self, http: HttpRequest) -> Response:
        """Revokes a key, for ever."""
        token, project_id = bearer(http), self._project(http)
        projects = await self._cells.projects(self._region)
        request = RevokeKeyRequest(project_id=project_id, key_id=http.path_params["key_id"])
        await self._cells.call(projects.RevokeKey, request, token=token)
        return reply({"ok": True})

    async def archive_project(self, http: HttpRequest) -> Response:
        """Archives a project: its keys are revoked, its data stays."""
        token, project_id = bearer(http), self._project(http)
        projects = await self._cells.projects(self._region)
        archived = await self._cells.call(
            projects.ArchiveProject, ArchiveProjectRequest(project_id=project_id), token=token
        )
        return reply({"ok": True, "project": render.project(archived.project)})

    def _project(self, http: HttpRequest) -> str:
        return project_here(http, self._directory, self._region)


def _created(made: ProvisionResponse) -> render.Json:
    live, test = render.minted_key(made.live_key), render.minted_key(made.test_key)
    return {"ok": True, "project": render.project(made.project), "keys": {"live": live, "test": test}}

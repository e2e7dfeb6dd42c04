"""Whose audit log is asked about, and who answers: the primary region, or the project's own cell."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any

import msgspec
from starlette.requests import Request as HttpRequest

from mesh.client import GuardedChannel
from mesh.directory import Directory
from mesh.errors import InvalidInput
from sankofa.org.v1 import export_pb2 as org_exports
from sankofa.org.v1 import webhook_pb2 as org_webhooks
from sankofa.org.v1.export_pb2_grpc import AuditExportServiceStub as OrgExportStub
from sankofa.org.v1.webhook_pb2_grpc import WebhookServiceStub as OrgWebhookStub
from sankofa.project.v1 import export_pb2 as project_exports
from sankofa.project.v1 import webhook_pb2 as project_webhooks
from sankofa.project.v1.export_pb2_grpc import AuditExportServiceStub as ProjectExportStub
from sankofa.project.v1.webhook_pb2_grpc import WebhookServiceStub as ProjectWebhookStub
from services.rest.cells import Cells
from services.rest.following import FollowingChannel
from services.rest.primaries import Primaries
from services.rest.routing import require_here


class Scoped(msgspec.Struct):
    """A body that names whose log it is about."""

    org_id: str | msgspec.UnsetType = msgspec.UNSET
    project_id: str | msgspec.UnsetType = msgspec.UNSET


@dataclass(frozen=True, slots=True)
class Scope:
    """One of the two is empty."""

    org_id: str
    project_id: str

    @classmethod
    def of(cls, org_id: str, project_id: str) -> Scope:
        """Raises InvalidInput unless exactly one is named."""
        if bool(org_id) == bool(project_id):
            raise InvalidInput(detail="exactly one of org_id and project_id is required")
        return cls(org_id, project_id)

    @classmethod
    def sent(cls, body: Scoped) -> Scope:
        """As a body names it, where what is not there is not named."""
        if (body.org_id is msgspec.UNSET) == (body.project_id is msgspec.UNSET):
            return cls.of("", "")
        return cls.of(body.org_id or "", body.project_id or "")

    @classmethod
    def named(cls, http: HttpRequest) -> Scope:
        """As the query names it."""
        return cls.of(http.query_params.get("org_id", ""), http.query_params.get("project_id", ""))

    @property
    def field(self) -> dict[str, str]:
        """As requests name it."""
        return {"org_id": self.org_id} if self.org_id else {"project_id": self.project_id}


@dataclass(frozen=True, slots=True)
class Answerer:
    """A service of the one who answers, its messages, and the field of each that names the scope.

    Both services of a kind have the same methods, and messages of the same names.
    """

    stub: Any
    messages: ModuleType
    field: dict[str, str]

    def request(self, name: str, **fields: Any) -> Any:
        """A message of that name."""
        return getattr(self.messages, name)(**self.field, **fields)


class Answerers:
    """Finds them."""

    def __init__(self, *, region: str, directory: Directory, cells: Cells, primaries: Primaries) -> None:
        self._region = region
        self._directory = directory
        self._cells = cells
        self._primaries = primaries

    async def webhooks(self, token: str, scope: Scope) -> Answerer:
        """Raises Unauthenticated, NotFound, Unavailable."""
        if scope.org_id:
            return Answerer(OrgWebhookStub(await self._org(token, scope)), org_webhooks, scope.field)
        return Answerer(ProjectWebhookStub(self._own(scope)), project_webhooks, scope.field)

    async def exports(self, token: str, scope: Scope) -> Answerer:
        """Raises Unauthenticated, NotFound, Unavailable."""
        if scope.org_id:
            return Answerer(OrgExportStub(await self._org(token, scope)), org_exports, scope.field)
        return Answerer(ProjectExportStub(self._own(scope)), project_exports, scope.field)

    async def files(self, scope: Scope) -> Answerer | None:
        """The exports without a token: for who holds a link. None where nobody is known to have them."""
        if scope.project_id:
            known = self._directory.pin(scope.project_id) == self._region
            stub = ProjectExportStub(self._cells.internal)
            return Answerer(stub, project_exports, scope.field) if known else None
        fact = self._directory.org(scope.org_id)
        if fact is None:
            return None
        channel = await self._cells.orgs_channel(fact.primary_region)
        return Answerer(OrgExportStub(channel), org_exports, scope.field)

    def url_of(self, scope: Scope) -> str:
        """The public URL of the region that answers; empty where it is not known."""
        fact = self._directory.org(scope.org_id) if scope.org_id else None
        region = self._directory.region(fact.primary_region if fact else self._region)
        return region.rest_url.rstrip("/") if region else ""

    async def _org(self, token: str, scope: Scope) -> FollowingChannel:
        return await self._cells.orgs_channel(await self._primaries.of(token, scope.org_id))

    def _own(self, scope: Scope) -> GuardedChannel:
        """This region's own cell. Raises NotFound unless the project is pinned here."""
        require_here(scope.project_id, self._directory, self._region)
        return self._cells.internal

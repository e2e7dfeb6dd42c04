"""Regions, and where an organisation is: thin routes that find the region that answers and ask it."""

from __future__ import annotations

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from mesh.directory import Directory
from mesh.errors import Forbidden, Unavailable
from mesh.permissions import OrgAction, permitted, who_may
from mesh.tokens import verify_person
from sankofa.org.v1.org_pb2 import GetResidencyRequest, ListOrgsRequest
from services.rest.cells import Cells
from services.rest.primaries import Primaries
from services.rest.routing import bearer, reply, resource


class Residency:
    """The catalogue of regions, and the places of an organisation."""

    def __init__(self, *, directory: Directory, cells: Cells, primaries: Primaries) -> None:
        self._directory = directory
        self._cells = cells
        self._primaries = primaries

    def routes(self) -> list[Route]:
        """Every route of residency."""
        return [
            resource("/api/v1/admin/regions", GET=self.list_regions),
            resource("/api/v1/admin/regions/orgs/{org_id}", GET=self.get_residency),
        ]

    async def list_regions(self, http: HttpRequest) -> Response:
        """The catalogue, for the Owner of any organisation."""
        token = bearer(http)
        issuer = verify_person(token, directory=self._directory, org_id=None).issuer_region
        if not await self._may_list(token, issuer):
            raise Forbidden(detail=f"{OrgAction.LIST_REGIONS} takes {who_may(OrgAction.LIST_REGIONS)}")
        regions = [
            {
                "id": region.id,
                "display_name": region.display_name,
                "status": region.status,
                "rest_url": region.rest_url,
            }
            for region in self._directory.regions()
        ]
        return reply({"ok": True, "default_region": self._primaries.default(), "regions": regions})

    async def _may_list(self, token: str, issuer: str) -> bool:
        """Whether some organisation of the caller's lets them: mostly one in the region of their token.

        An organisation may have moved since. Raises Unavailable where none says yes and one does not answer.
        """
        away = False
        others = {each.id for each in self._directory.regions() if each.status == "open"} - {issuer}
        for region in (issuer, *sorted(others)):
            try:
                org = await self._cells.org(region)
                listed = await self._cells.call(org.ListOrgs, ListOrgsRequest(region=region), token=token)
            except Unavailable:
                away = True
                continue
            if any(permitted(OrgAction.LIST_REGIONS, each.role) for each in listed.orgs):
                return True
        if away:
            raise Unavailable
        return False

    async def get_residency(self, http: HttpRequest) -> Response:
        """Where everything of an organisation is, said by its primary region to its Owners."""
        token, org_id = bearer(http), http.path_params["org_id"]
        org = await self._primaries.orgs(token, org_id)
        found = await self._cells.call(org.GetResidency, GetResidencyRequest(org_id=org_id), token=token)
        projects = [
            {"project_id": each.project_id, "name": each.name, "region": each.region}
            for each in found.projects
        ]
        return reply(
            {"ok": True, "org_id": org_id, "primary_region": found.primary_region, "projects": projects}
        )

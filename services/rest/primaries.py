"""Which region answers for an organisation."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

from mesh.directory import Directory, RegionFact
from mesh.errors import NotFound, Unavailable
from mesh.tokens import verify_person
from sankofa.org.v1.org_pb2_grpc import OrgServiceStub
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.rest.cells import Cells

NEWS_WAIT_S: Final = 2.0
NEWS_POLL_S: Final = 0.02
"""What another region has just written reaches this one's directory a moment later."""


class Primaries:
    """Primary regions of organisations, and the region of what names none."""

    def __init__(self, *, directory: Directory, cells: Cells) -> None:
        self._directory = directory
        self._cells = cells

    async def of(self, token: str, org_id: str) -> str:
        """An organisation's primary region; a new one's row may still be on its way.

        Who shows no good token is told nothing, and does not wait. Raises Unauthenticated, NotFound.
        """
        verify_person(token, directory=self._directory, org_id=org_id)
        deadline = asyncio.get_running_loop().time() + NEWS_WAIT_S
        while (fact := self._directory.org(org_id)) is None:
            if asyncio.get_running_loop().time() >= deadline:
                raise NotFound(ErrorReason.ERROR_REASON_ORG_NOT_FOUND)
            await asyncio.sleep(NEWS_POLL_S)
        return fact.primary_region

    def regions_of(self, org_ids: Iterable[str]) -> list[str]:
        """Primary regions of organisations, each once, in order; one that is not known is passed over."""
        facts = [self._directory.org(org_id) for org_id in org_ids]
        return sorted({fact.primary_region for fact in facts if fact is not None})

    async def orgs(self, token: str, org_id: str) -> OrgServiceStub:
        """The org service of that region. Raises as `of` and `Cells.org`."""
        return await self._cells.org(await self.of(token, org_id))

    def regions(self) -> list[RegionFact]:
        """The catalogue."""
        return self._directory.regions()

    def default(self) -> str:
        """Where things go whose region nobody has chosen. Raises Unavailable."""
        region = self._directory.default_region()
        if region is None:
            raise Unavailable()
        return region

"""Whose the ids are that a project's region knows: asked of the organisation's primary region."""

from __future__ import annotations

from collections.abc import Iterable

from mesh.api_tokens import is_api_token
from mesh.errors import SankofaError
from sankofa.org.v1.audit_pb2 import ResolveActorsRequest
from sankofa.org.v1.audit_pb2_grpc import OrgAuditServiceStub
from services.rest.cells import Cells
from services.rest.primaries import Primaries


class Actors:
    """Resolves ids of people to e-mails, on behalf of whoever asks."""

    def __init__(self, *, cells: Cells, primaries: Primaries) -> None:
        self._cells = cells
        self._primaries = primaries

    async def emails(self, token: str, org_id: str, actor_ids: Iterable[str]) -> dict[str, str]:
        """By id; none with that region away, and none for an API token, which is known in this one alone."""
        people = sorted({actor_id for actor_id in actor_ids if actor_id.startswith("usr_")})
        if not people or is_api_token(token):
            return {}
        request = ResolveActorsRequest(org_id=org_id, user_ids=people)
        try:
            channel = await self._cells.orgs_channel(await self._primaries.of(token, org_id))
            resolve = OrgAuditServiceStub(channel).ResolveActors
            found = await self._cells.call(resolve, request, token=token)
        except SankofaError:
            return {}
        return {actor.user_id: actor.email for actor in found.actors}

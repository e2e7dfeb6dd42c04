"""The routes of a directory, and those by which an Owner gives it its token."""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING, Final

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from mesh.directory import Directory
from mesh.errors import Conflict, Unauthenticated
from sankofa.org.v1.scim_pb2 import (
    CreateScimTokenRequest,
    DeleteScimTokenRequest,
    GetScimTokenRequest,
    ListScimUsersRequest,
    ScimPage,
)
from sankofa.org.v1.scim_pb2_grpc import ScimServiceStub, ScimTokenServiceStub
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.rest import render
from services.rest.cells import Cells
from services.rest.primaries import Primaries
from services.rest.requests import Request
from services.rest.routing import bearer, org_named, reply, resource
from services.rest.scim.refusals import ROOT
from services.rest.scim.turns import Turns

if TYPE_CHECKING:
    from services.rest.scim.serving import Serving

MAX_BYTES: Final = 1 << 20
"""Of a body: a group of 10,000 members has this many."""
ATTEMPTS: Final = 5
"""At a change of what somebody else changes at the same time."""
DISCOVERY: Final = (
    *("ServiceProviderConfig", "ResourceTypes", "ResourceTypes/{scim_id}"),
    *("Schemas", "Schemas/{scim_id}"),
)
RESOURCES: Final = ("Users", "Groups")


class Scim:
    """What a directory asks for goes to the organisation's primary region, with the directory's token."""

    def __init__(self, *, directory: Directory, cells: Cells, primaries: Primaries) -> None:
        self._directory = directory
        self._cells = cells
        self._primaries = primaries
        self._turns = Turns()
        self._serving: Serving | None = None

    def routes(self) -> list[Route]:
        """Every route of SCIM."""
        root, many, one = ROOT + "{org_id}", ("GET", "POST"), ("GET", "PUT", "PATCH", "DELETE")
        return [
            resource(
                "/api/v1/sso/scim", GET=self.get_token, POST=self.create_token, DELETE=self.delete_token
            ),
            *(resource(f"{root}/{name}", GET=self.serve) for name in DISCOVERY),
            *(resource(f"{root}/{name}", **dict.fromkeys(many, self.serve)) for name in RESOURCES),
            *(resource(f"{root}/{name}/{{scim_id}}", **dict.fromkeys(one, self.serve)) for name in RESOURCES),
        ]

    async def get_token(self, http: HttpRequest) -> Response:
        """Since when there is one."""
        token, org_id, stub = await self._asked(http)
        kept = await self._cells.call(stub.GetScimToken, GetScimTokenRequest(org_id=org_id), token=token)
        told = {
            "id": kept.token_id,
            "created_at": render.timestamp(kept.created_at_unix_ms),
            "created_by": kept.created_by,
        }
        return reply({"ok": True, "base_path": ROOT + org_id, "token": told if kept.token_id else None})

    async def create_token(self, http: HttpRequest) -> Response:
        """Shown this once; the one before opens nothing any more."""
        token, org_id, stub = await self._asked(http)
        request = CreateScimTokenRequest(org_id=org_id)
        made = await self._cells.call(stub.CreateScimToken, request, token=token)
        told = {
            "id": made.token_id,
            "secret": made.token,
            "created_at": render.timestamp(made.created_at_unix_ms),
        }
        answer = reply({"ok": True, "base_path": ROOT + org_id, "token": told}, status=201)
        answer.headers["cache-control"] = "no-store"
        return answer

    async def delete_token(self, http: HttpRequest) -> Response:
        """The directory changes nothing any more."""
        token, org_id, stub = await self._asked(http)
        await self._cells.call(stub.DeleteScimToken, DeleteScimTokenRequest(org_id=org_id), token=token)
        return reply({"ok": True})

    async def serve(self, http: HttpRequest) -> Response:
        """One request of a directory, made again where it lost a race.

        Who shows no good token costs no more than the question whether it is one.
        """
        token, org_id = bearer(http), http.path_params["org_id"]
        call = functools.partial(self._cells.call, token=token)
        reach = functools.partial(self._reach, org_id)
        nobody = ListScimUsersRequest(org_id=org_id, page=ScimPage(id="-"))
        await call((await reach()).ListScimUsers, nobody)
        request: Request = http.scope["sankofa.request"]
        body = await request.body(limit_bytes=MAX_BYTES)
        async with self._turns.of(org_id):
            serving = await self._loaded()
            asked = serving.asked(http, root=ROOT + org_id, body=body)
            for attempt in range(ATTEMPTS):
                try:
                    return await serving.answer(asked, call=call, reach=reach, org_id=org_id)
                except Conflict as error:
                    lost = error.reason == ErrorReason.ERROR_REASON_CHANGED_MEANWHILE
                    if not lost or attempt == ATTEMPTS - 1:
                        raise
        raise AssertionError("the last attempt is answered or raises")

    async def _reach(self, org_id: str) -> ScimServiceStub:
        """Who shows no good token is not told which organisations there are. Raises Unauthenticated."""
        fact = self._directory.org(org_id)
        if fact is None:
            raise Unauthenticated
        return await self._cells.scim(fact.primary_region)

    async def _loaded(self) -> Serving:
        """Loaded by the first who asks: it takes half a second and 30 MB, and few regions need it."""
        if self._serving is None:
            self._serving = await asyncio.to_thread(_load)
        return self._serving

    async def _asked(self, http: HttpRequest) -> tuple[str, str, ScimTokenServiceStub]:
        token, org_id = bearer(http), org_named(http)
        return token, org_id, await self._cells.scim_tokens(await self._primaries.of(token, org_id))


def _load() -> Serving:
    from services.rest.scim.serving import Serving

    return Serving()

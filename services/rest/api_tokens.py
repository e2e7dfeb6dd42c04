"""API tokens of a project of this region: minted, listed and revoked by people who are its Admins."""

from __future__ import annotations

import msgspec
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from mesh.api_tokens import DEFAULT_DAYS, MOST_DAYS
from mesh.directory import Directory
from mesh.errors import InvalidInput
from mesh.permissions import project_role_name
from sankofa.ingest.v1.api_token_pb2 import (
    ApiToken,
    ListTokensRequest,
    MintTokenRequest,
    RevokeTokenRequest,
)
from sankofa.ingest.v1.api_token_pb2_grpc import ApiTokenServiceStub
from services.rest.actors import Actors
from services.rest.cells import Cells
from services.rest.members import PROJECT_ROLES, ProjectRoleName
from services.rest.render import Json, optional_timestamp, timestamp
from services.rest.routing import bearer, project_here, read_json, reply, resource


class NewToken(msgspec.Struct):
    """POST /api/v1/projects/{project_id}/tokens."""

    name: str
    role: ProjectRoleName
    expires_in_days: int = DEFAULT_DAYS


class ApiTokens:
    """Credentials for machines; those that ask here are people."""

    def __init__(self, *, region: str, directory: Directory, cells: Cells, actors: Actors) -> None:
        self._region = region
        self._directory = directory
        self._cells = cells
        self._actors = actors

    def routes(self) -> list[Route]:
        """Every route of API tokens."""
        tokens = "/api/v1/projects/{project_id}/tokens"
        return [
            resource(tokens, GET=self.list_tokens, POST=self.mint),
            resource(f"{tokens}/{{token_id}}", DELETE=self.revoke),
        ]

    async def mint(self, http: HttpRequest) -> Response:
        """A new token, its secret shown this once."""
        token, project_id = self._asked(http)
        body = await read_json(http, NewToken)
        if not 1 <= body.expires_in_days <= MOST_DAYS:
            raise InvalidInput(detail=f"expires_in_days is 1 to {MOST_DAYS}")
        request = MintTokenRequest(
            project_id=project_id,
            name=body.name,
            role=PROJECT_ROLES[body.role],
            lifetime_days=body.expires_in_days,
        )
        minted = await self._cells.call(self._stub.MintToken, request, token=token)
        return reply({"ok": True, "token": _token(minted.token, {}) | {"secret": minted.secret}}, status=201)

    async def list_tokens(self, http: HttpRequest) -> Response:
        """Tokens without their secrets, the newest first."""
        token, project_id = self._asked(http)
        request = ListTokensRequest(project_id=project_id)
        listed = await self._cells.call(self._stub.ListTokens, request, token=token)
        minters = [each.created_by for each in listed.tokens]
        emails = await self._actors.emails(token, listed.org_id, minters)
        return reply({"ok": True, "tokens": [_token(each, emails) for each in listed.tokens]})

    async def revoke(self, http: HttpRequest) -> Response:
        """Ends a token, for ever."""
        token, project_id = self._asked(http)
        request = RevokeTokenRequest(project_id=project_id, token_id=http.path_params["token_id"])
        await self._cells.call(self._stub.RevokeToken, request, token=token)
        return reply({"ok": True})

    @property
    def _stub(self) -> ApiTokenServiceStub:
        return ApiTokenServiceStub(self._cells.internal)

    def _asked(self, http: HttpRequest) -> tuple[str, str]:
        return bearer(http), project_here(http, self._directory, self._region)


def _token(message: ApiToken, emails: dict[str, str]) -> Json:
    return {
        "id": message.token_id,
        "name": message.name,
        "role": project_role_name(message.role),
        "created_by": {"id": message.created_by, "email": emails.get(message.created_by)},
        "created_at": timestamp(message.created_at_unix_ms),
        "expires_at": timestamp(message.expires_at_unix_ms),
        "last_used_at": optional_timestamp(message.last_used_at_unix_ms),
        "revoked_at": optional_timestamp(message.revoked_at_unix_ms),
    }

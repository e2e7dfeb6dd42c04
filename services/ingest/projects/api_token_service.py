"""ApiTokenService on the wire: parse, call, convert."""

from __future__ import annotations

from mesh.context import current
from sankofa.ingest.v1 import api_token_pb2 as pb
from sankofa.ingest.v1.api_token_pb2_grpc import ApiTokenServiceServicer
from services.ingest.projects.api_tokens import ApiTokens
from storage.records.api_tokens import ApiTokenRecord


class ApiTokenServicer(ApiTokenServiceServicer):
    """Handlers of one region, for callers of that region: the guard has looked at the pin before."""

    def __init__(self, *, tokens: ApiTokens) -> None:
        self._tokens = tokens

    async def MintToken(self, request: pb.MintTokenRequest, context: object) -> pb.MintTokenResponse:
        """A new token."""
        minted = await self._tokens.mint(
            current().token,
            request.project_id,
            name=request.name,
            role=request.role,
            days=request.lifetime_days,
        )
        return pb.MintTokenResponse(token=_token(minted.record), secret=minted.secret)

    async def ListTokens(self, request: pb.ListTokensRequest, context: object) -> pb.ListTokensResponse:
        """Those of a project."""
        every, org_id = await self._tokens.every(current().token, request.project_id)
        return pb.ListTokensResponse(tokens=[_token(each) for each in every], org_id=org_id)

    async def RevokeToken(self, request: pb.RevokeTokenRequest, context: object) -> pb.RevokeTokenResponse:
        """Good no more."""
        await self._tokens.revoke(current().token, request.project_id, request.token_id)
        return pb.RevokeTokenResponse()

    async def NoteTokenUse(self, request: pb.NoteTokenUseRequest, context: object) -> pb.NoteTokenUseResponse:
        """In use."""
        await self._tokens.note_use(request.project_id, request.token_id)
        return pb.NoteTokenUseResponse()


def _token(record: ApiTokenRecord) -> pb.ApiToken:
    return pb.ApiToken(
        token_id=record.token_id,
        name=record.name,
        role=record.role,
        created_by=record.created_by,
        created_at_unix_ms=record.created_at_ms,
        expires_at_unix_ms=record.expires_at_ms,
        last_used_at_unix_ms=record.last_used_at_ms or 0,
        revoked_at_unix_ms=record.revoked_at_ms or 0,
    )

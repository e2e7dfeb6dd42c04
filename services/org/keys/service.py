"""TokenKeyService on the wire, for who holds an operator's certificate of the region."""

from __future__ import annotations

from typing import Final

from mesh.access import require_operator
from sankofa.org.v1 import keys_pb2 as pb
from sankofa.org.v1.keys_pb2_grpc import TokenKeyServiceServicer
from services.org.keys.core import Behind, Rotation
from storage.records.keys import KeyRecord, KeyState

_STATES: Final = {
    KeyState.ANNOUNCED: pb.TOKEN_KEY_STATE_ANNOUNCED,
    KeyState.SIGNING: pb.TOKEN_KEY_STATE_SIGNING,
    KeyState.VERIFYING: pb.TOKEN_KEY_STATE_VERIFYING,
    KeyState.RETIRED: pb.TOKEN_KEY_STATE_RETIRED,
}


class TokenKeyServicer(TokenKeyServiceServicer):
    """Handlers of one region."""

    def __init__(self, *, rotation: Rotation) -> None:
        self._rotation = rotation

    async def RotateTokenKey(
        self, request: pb.RotateTokenKeyRequest, context: object
    ) -> pb.RotateTokenKeyResponse:
        """Answers at once; the region does the rest."""
        require_operator()
        return pb.RotateTokenKeyResponse(kid=await self._rotation.rotate(list(request.without)))

    async def ListTokenKeys(
        self, request: pb.ListTokenKeysRequest, context: object
    ) -> pb.ListTokenKeysResponse:
        """As of now, in all regions."""
        require_operator()
        return pb.ListTokenKeysResponse(keys=[_told(*listed) for listed in await self._rotation.listed()])


def _told(key: KeyRecord, behind: Behind) -> pb.TokenKey:
    return pb.TokenKey(
        kid=key.kid,
        state=_STATES[key.state],
        created_at_unix_ms=key.created_at_ms,
        signs_since_unix_ms=key.signs_since_ms,
        verifies_until_unix_ms=key.verifies_until_ms,
        retired_at_unix_ms=key.retired_at_ms,
        behind=[pb.BehindDirectory(region=region, why=why) for region, why in sorted(behind.items())],
    )

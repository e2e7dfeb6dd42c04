"""DirectoryService on the wire."""

from __future__ import annotations

from mesh.directory import Directory
from sankofa.registry.v1 import directory_pb2 as pb
from sankofa.registry.v1.directory_pb2_grpc import DirectoryServiceServicer


class DirectoryServicer(DirectoryServiceServicer):
    """Answers any region: token keys are known to all."""

    def __init__(self, *, directory: Directory) -> None:
        self._directory = directory

    async def FindTokenKeys(
        self, request: pb.FindTokenKeysRequest, context: object
    ) -> pb.FindTokenKeysResponse:
        """As tokens of them would be judged here."""
        standings = [self._standing(request.issuer, kid) for kid in request.kids]
        return pb.FindTokenKeysResponse(standings=standings)

    def _standing(self, issuer: str, kid: str) -> pb.TokenKeyStanding:
        if self._directory.jwt_key(issuer, kid) is not None:
            return pb.TOKEN_KEY_STANDING_VERIFIES
        if self._directory.jwt_key_retired(issuer, kid):
            return pb.TOKEN_KEY_STANDING_RETIRED
        return pb.TOKEN_KEY_STANDING_UNKNOWN

"""SecondFactorService on the wire: parse, call, convert."""

from __future__ import annotations

from mesh.access import require_operator
from mesh.context import current
from mesh.errors import CrossingRefused
from sankofa.org.v1 import second_factor_pb2 as pb
from sankofa.org.v1.second_factor_pb2_grpc import SecondFactorServiceServicer
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.org.second_factor.core import SecondFactors
from services.org.second_factor.removing import Removing


class SecondFactorServicer(SecondFactorServiceServicer):
    """Handlers of one region."""

    def __init__(self, *, region: str, factors: SecondFactors, removing: Removing) -> None:
        self._region = region
        self._factors = factors
        self._removing = removing

    async def GetSecondFactor(
        self, request: pb.GetSecondFactorRequest, context: object
    ) -> pb.GetSecondFactorResponse:
        """The caller's own."""
        status = await self._factors.status(current().token)
        return pb.GetSecondFactorResponse(
            enabled=status.enabled_at_ms is not None,
            enabled_at_unix_ms=status.enabled_at_ms or 0,
            recovery_codes_left=status.recovery_codes_left,
        )

    async def BeginSecondFactor(
        self, request: pb.BeginSecondFactorRequest, context: object
    ) -> pb.BeginSecondFactorResponse:
        """A secret."""
        begun = await self._factors.begin(current().token, request.password)
        return pb.BeginSecondFactorResponse(secret=begun.secret, uri=begun.uri)

    async def ConfirmSecondFactor(
        self, request: pb.ConfirmSecondFactorRequest, context: object
    ) -> pb.ConfirmSecondFactorResponse:
        """It counts."""
        codes = await self._factors.confirm(current().token, request.code)
        return pb.ConfirmSecondFactorResponse(recovery_codes=codes)

    async def RenewRecoveryCodes(
        self, request: pb.RenewRecoveryCodesRequest, context: object
    ) -> pb.RenewRecoveryCodesResponse:
        """Others."""
        token = current().token
        codes = await self._factors.renew_recovery_codes(token, request.password, request.code)
        return pb.RenewRecoveryCodesResponse(recovery_codes=codes)

    async def DisableSecondFactor(
        self, request: pb.DisableSecondFactorRequest, context: object
    ) -> pb.DisableSecondFactorResponse:
        """None any more."""
        await self._factors.disable(current().token, request.password, request.code)
        return pb.DisableSecondFactorResponse()

    async def RemoveSecondFactor(
        self, request: pb.RemoveSecondFactorRequest, context: object
    ) -> pb.RemoveSecondFactorResponse:
        """For an operator of this very region: those of others, or of none, are strangers to its people."""
        require_operator()
        if current().caller.region != self._region:
            raise CrossingRefused(ErrorReason.ERROR_REASON_ROLE_FORBIDDEN)
        done = await self._removing.remove(request.email)
        return pb.RemoveSecondFactorResponse(
            user_id=done.user_id, removed=done.removed, ended_sessions=done.ended_sessions
        )

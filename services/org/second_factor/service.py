"""SecondFactorService on the wire: parse, call, convert."""

from __future__ import annotations

from mesh.context import current
from sankofa.org.v1 import second_factor_pb2 as pb
from sankofa.org.v1.second_factor_pb2_grpc import SecondFactorServiceServicer
from services.org.second_factor.core import SecondFactors


class SecondFactorServicer(SecondFactorServiceServicer):
    """Handlers of one region."""

    def __init__(self, *, factors: SecondFactors) -> None:
        self._factors = factors

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

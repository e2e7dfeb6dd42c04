"""Whether somebody who knows the password has the second factor too."""

from __future__ import annotations

from collections.abc import Callable

from mesh.clock import wall_ms
from mesh.errors import Unauthenticated
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.org.second_factor.codes import is_of_app, plain, step_of
from services.org.second_factor.sealing import Sealing
from services.org.throttle import LoginThrottle
from storage.records.second_factors import SecondFactor, SecondFactorRecords


class Proving:
    """Of the accounts whose home this region is."""

    def __init__(
        self,
        *,
        records: SecondFactorRecords,
        sealing: Sealing,
        throttle: LoginThrottle,
        clock_ms: Callable[[], int] = wall_ms,
    ) -> None:
        self._records = records
        self._sealing = sealing
        self._throttle = throttle
        self._clock_ms = clock_ms

    async def require(self, user_id: str, code: str, hint: str) -> None:
        """Passes an account without a second factor, and a code that is good now and was not used before.

        Asked once the password is known to be right, so that nobody else learns of it. Wrong codes count
        together with wrong passwords (`hint`); a missing one does not: that is how a log-in begins.
        Raises Unauthenticated (SECOND_FACTOR_…), RateLimited, CrossingRefused(ACCOUNT_MOVED).
        """
        factor = await self._records.find(user_id)
        if factor is None or factor.confirmed_at_ms is None:
            return
        if not code:
            raise Unauthenticated(ErrorReason.ERROR_REASON_SECOND_FACTOR_REQUIRED)
        with self._throttle.attempt(hint):
            if not await self._good(factor, plain(code)):
                raise Unauthenticated(ErrorReason.ERROR_REASON_SECOND_FACTOR_WRONG)

    async def _good(self, factor: SecondFactor, code: str) -> bool:
        if not is_of_app(code):
            hashed = self._sealing.hash(factor.user_id, code)
            return await self._records.use_recovery_code(factor, hashed)
        if factor.locked:
            raise Unauthenticated(ErrorReason.ERROR_REASON_SECOND_FACTOR_LOCKED)
        step = step_of(self._sealing.open(factor), code, self._clock_ms())
        if step is not None and await self._records.accept(factor, step):
            return True
        await self._records.count_wrong(factor)
        return False

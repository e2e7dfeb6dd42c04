"""What somebody does about their own account's second factor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from mesh.clock import wall_ms
from mesh.errors import Conflict, NotFound, SankofaError, Unauthenticated
from mesh.hints import LoginHints
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.org.naming import MAX_PASSWORD
from services.org.passwords import Passwords
from services.org.second_factor.codes import (
    base32,
    new_recovery_codes,
    new_secret,
    otpauth_uri,
    plain,
    step_of,
)
from services.org.second_factor.proving import Proving
from services.org.second_factor.sealing import Sealing
from services.org.sessions.core import Caller
from services.org.throttle import LoginThrottle
from storage.records.orgs import Account, OrgRecords
from storage.records.second_factors import SecondFactor, SecondFactorRecords

ENROLMENT: Final = timedelta(minutes=15)
"""Between a secret and the code that confirms it."""


@dataclass(frozen=True, slots=True)
class Status:
    """`enabled_at_ms` None: the account has none."""

    enabled_at_ms: int | None
    recovery_codes_left: int


@dataclass(frozen=True, slots=True)
class Begun:
    """A secret for an app: in base32, and as an otpauth:// URI that names the account."""

    secret: str
    uri: str


class SecondFactors:
    """Of the accounts whose home this region is. Every method raises Unauthenticated for another's token."""

    def __init__(
        self,
        *,
        records: SecondFactorRecords,
        accounts: OrgRecords,
        caller_of: Callable[[str | None], Caller],
        proving: Proving,
        sealing: Sealing,
        passwords: Passwords,
        throttle: LoginThrottle,
        hints: LoginHints,
        clock_ms: Callable[[], int] = wall_ms,
    ) -> None:
        self._records = records
        self._accounts = accounts
        self._caller_of = caller_of
        self._proving = proving
        self._sealing = sealing
        self._passwords = passwords
        self._throttle = throttle
        self._hints = hints
        self._clock_ms = clock_ms

    async def status(self, token: str | None) -> Status:
        """Whether there is one."""
        factor = await self._records.find(self._caller_of(token).user_id)
        if factor is None or factor.confirmed_at_ms is None:
            return Status(None, 0)
        return Status(factor.confirmed_at_ms, await self._records.recovery_codes_left(factor.user_id))

    async def begin(self, token: str | None, password: str) -> Begun:
        """A secret that is to be confirmed within ENROLMENT; one that was not is forgotten.

        Raises Unauthenticated(LOGIN_FAILED), RateLimited, Conflict(SECOND_FACTOR_SET).
        """
        account = await self._knowing(token, password)
        secret = new_secret()
        sealed = self._sealing.seal(account.user_id, secret)
        if not await self._records.begin(SecondFactor(account.user_id, sealed, self._clock_ms())):
            raise Conflict(ErrorReason.ERROR_REASON_SECOND_FACTOR_SET)
        return Begun(base32(secret), otpauth_uri(secret, account.email))

    async def confirm(self, token: str | None, code: str) -> list[str]:
        """From now on a log-in needs it; the recovery codes, which are shown this once.

        Raises Unauthenticated(SECOND_FACTOR_WRONG), RateLimited, NotFound(SECOND_FACTOR_NOT_SET),
        Conflict(SECOND_FACTOR_SET).
        """
        account, now = await self._account(token), self._clock_ms()
        factor = await self._records.find(account.user_id)
        if factor is not None and factor.confirmed_at_ms is not None:
            raise Conflict(ErrorReason.ERROR_REASON_SECOND_FACTOR_SET)
        if factor is None or now - factor.created_at_ms > ENROLMENT.total_seconds() * 1000:
            raise _not_set("begin to set one first, and confirm it within 15 minutes")
        with self._throttle.attempt(self._hints.hint(account.email)):
            step = step_of(self._sealing.open(factor), plain(code), now)
            if step is None:
                raise Unauthenticated(ErrorReason.ERROR_REASON_SECOND_FACTOR_WRONG)
        shown, hashes = self._new_codes(account)
        if not await self._records.confirm(factor, step, now, hashes):
            raise _not_set("another one was begun at the same time: confirm that one")
        return shown

    async def renew_recovery_codes(self, token: str | None, password: str, code: str) -> list[str]:
        """Other recovery codes; those before end. Raises as `disable` does."""
        factor = await self._proven(token, password, code)
        shown, hashes = self._new_codes(factor)
        if not await self._records.renew_recovery_codes(factor, hashes):
            raise _not_set("it was disabled at the same time")
        return shown

    async def disable(self, token: str | None, password: str, code: str) -> None:
        """For who has both factors. Raises Unauthenticated, RateLimited, NotFound(SECOND_FACTOR_NOT_SET)."""
        await self._records.remove((await self._proven(token, password, code)).user_id)

    async def _proven(self, token: str | None, password: str, code: str) -> SecondFactor:
        account = await self._knowing(token, password)
        factor = await self._records.find(account.user_id)
        if factor is None or factor.confirmed_at_ms is None:
            raise _not_set("")
        await self._proving.require(account.user_id, code, self._hints.hint(account.email))
        return factor

    async def _knowing(self, token: str | None, password: str) -> Account:
        """The caller, who shows the password again: a token alone may have been found on a desk."""
        account = await self._account(token)
        with self._throttle.attempt(self._hints.hint(account.email)):
            if not await self._passwords.verify(account.password_hash, password[: MAX_PASSWORD + 1]):
                raise Unauthenticated(ErrorReason.ERROR_REASON_LOGIN_FAILED)
        return account

    async def _account(self, token: str | None) -> Account:
        account = await self._accounts.account_of(self._caller_of(token).user_id)
        if account is None:
            raise Unauthenticated
        return account

    def _new_codes(self, owner: Account | SecondFactor) -> tuple[list[str], list[str]]:
        """As they are shown, and as they rest."""
        shown = new_recovery_codes()
        return shown, [self._sealing.hash(owner.user_id, plain(code)) for code in shown]


def _not_set(detail: str) -> SankofaError:
    return NotFound(ErrorReason.ERROR_REASON_SECOND_FACTOR_NOT_SET, detail=detail)

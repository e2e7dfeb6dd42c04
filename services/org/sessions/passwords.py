"""Another password for an account: for who knows the old one, and the end of all other sessions."""

from __future__ import annotations

from mesh.errors import Unauthenticated
from mesh.hints import LoginHints
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.org.naming import MAX_PASSWORD, require_password
from services.org.passwords import Passwords
from services.org.sessions.core import Sessions
from services.org.throttle import LoginThrottle
from storage.records.orgs import OrgRecords


class PasswordChange:
    """Of the accounts whose home this region is."""

    def __init__(
        self,
        *,
        accounts: OrgRecords,
        passwords: Passwords,
        sessions: Sessions,
        throttle: LoginThrottle,
        hints: LoginHints,
    ) -> None:
        self._accounts = accounts
        self._passwords = passwords
        self._sessions = sessions
        self._throttle = throttle
        self._hints = hints

    async def change(self, token: str | None, old: str, new: str) -> None:
        """Raises Unauthenticated(LOGIN_FAILED) for a wrong old password, InvalidInput, RateLimited.

        And CrossingRefused(ACCOUNT_MOVED) where the account has left since: nothing is changed.
        """
        caller = self._sessions.caller(token)
        require_password(new)
        account = await self._accounts.account_of(caller.user_id)
        if account is None:
            raise Unauthenticated
        with self._throttle.attempt(self._hints.hint(account.email)):
            if not await self._passwords.verify(account.password_hash, old[: MAX_PASSWORD + 1]):
                raise Unauthenticated(ErrorReason.ERROR_REASON_LOGIN_FAILED)
        await self._sessions.change_password(caller, await self._passwords.hash(new))

"""The way back in for who has lost their second factor and the recovery codes: the region's operator."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from mesh.errors import NotFound
from mesh.hints import normalise
from storage.records.orgs import OrgRecords
from storage.records.second_factors import SecondFactorRecords

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Removed:
    """What was done to an account; `removed` False: it had none, and nothing was done."""

    user_id: str
    removed: bool
    ended_sessions: int


class Removing:
    """Of the accounts whose home this region is. `end_sessions` ends all of an account, and says how many."""

    def __init__(
        self,
        *,
        records: SecondFactorRecords,
        accounts: OrgRecords,
        end_sessions: Callable[[str], Awaitable[int]],
    ) -> None:
        self._records = records
        self._accounts = accounts
        self._end_sessions = end_sessions

    async def remove(self, email: str) -> Removed:
        """Raises NotFound where no such account is here, CrossingRefused(ACCOUNT_MOVED) while it leaves.

        Accounts have no audit log: the process's own says it, by the account's id.
        """
        account = await self._accounts.account(normalise(email))
        if account is None:
            raise NotFound(detail="no account of this region has that e-mail")
        factor = await self._records.find(account.user_id)
        if factor is None or factor.confirmed_at_ms is None:
            return Removed(account.user_id, False, 0)
        # Sessions first: cut off in between, the account still has a second factor, and a repeat goes on.
        ended = await self._end_sessions(account.user_id)
        await self._records.remove(account.user_id)
        log.warning(
            "an operator took away the second factor of %s: %d sessions ended", account.user_id, ended
        )
        return Removed(account.user_id, True, ended)

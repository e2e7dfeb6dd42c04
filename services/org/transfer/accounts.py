"""Accounts that go with their organisation, one by one: log-ins of one wait for as long as that takes."""

from __future__ import annotations

from collections.abc import Callable

from mesh.hints import LoginHints
from mesh.signing import RowSigner
from services.org.transfer.pointers import Pointers
from services.org.transfer.sending import Sending
from services.org.transfer.words import Reached, new_word
from storage.records.moves.accounts import Accounts
from storage.records.moves.departures import Departure


class AccountMoves:
    """Of one region. `session_key`: with what it makes the refresh tokens of a session, by its id."""

    def __init__(
        self,
        *,
        region: str,
        accounts: Accounts,
        pointers: Pointers,
        hints: LoginHints,
        signer: RowSigner,
        session_key: Callable[[str], bytes],
        reached: Reached,
    ) -> None:
        self._region = region
        self._accounts = accounts
        self._pointers = pointers
        self._hints = hints
        self._signer = signer
        self._session_key = session_key
        self._reached = reached

    async def go_with(self, departure: Departure, sending: Sending) -> None:
        """Moves every account that nothing holds back; one that was on its way goes on."""
        org_id, operation_id = departure.org_id, departure.operation_id
        await self._pointers.settle(org_id)
        every = await self._accounts.going_with(org_id)
        if every:
            await sending.begin()  # the key of the copy is gone if the other region has started again
        for leaving in every:
            hint = self._hints.hint(leaving.email)
            said = new_word(self._region, departure.to_region, leaving.epoch, login_hint=hint)
            told = self._signer.sign_handover(said)
            word = await self._accounts.hand_over(
                leaving, org_id, operation_id, hint, told, self._session_key
            )
            if word is None:
                continue
            self._reached("account handed over")
            await sending.take_account(leaving.user_id, word, await self._accounts.rows(leaving.user_id))
            self._reached("account taken")
            await self._accounts.erase(leaving.user_id, operation_id)
            self._reached("account erased")

    async def leave_nothing(self) -> None:
        """What was erased leaves the files too."""
        await self._accounts.leave_nothing()

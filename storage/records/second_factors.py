"""What a region keeps of the second factors of its accounts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

MOST_WRONG_CODES: Final = 100
"""In a row: then no further code of the app is accepted (NIST SP 800-63B, 5.2.2). With three of a million
codes good at a time, who knows the password and guesses comes in with a chance of 0.03 %.
"""


@dataclass(frozen=True, slots=True)
class SecondFactor:
    """An account's; `sealed_secret` names it: another enrolment has another one.

    `confirmed_at_ms` None: it was begun at `created_at_ms`, and no log-in needs it yet. `last_step`: the time
    step of the newest code that was accepted. `wrong_codes`: in a row.
    """

    user_id: str
    sealed_secret: bytes
    created_at_ms: int
    confirmed_at_ms: int | None = None
    last_step: int = -1
    wrong_codes: int = 0

    @property
    def locked(self) -> bool:
        """Whether only a recovery code, or another password, lets its owner in."""
        return self.wrong_codes >= MOST_WRONG_CODES


class SecondFactorRecords(Protocol):
    """Every mutation is one transaction, on disk when it returns.

    All methods raise Unavailable, and those that change something CrossingRefused(ACCOUNT_MOVED).
    """

    async def find(self, user_id: str) -> SecondFactor | None:
        """An account's, confirmed or begun."""

    async def recovery_codes_left(self, user_id: str) -> int:
        """How many can still be used."""

    async def begin(self, factor: SecondFactor) -> bool:
        """Writes one that is to be confirmed, for one that was. False where one is confirmed."""

    async def confirm(self, factor: SecondFactor, step: int, now_ms: int, hashes: Sequence[str]) -> bool:
        """From now on it counts, with these recovery codes. False where it is not the one that was begun."""

    async def accept(self, factor: SecondFactor, step: int) -> bool:
        """Uses up the code of a step, and all before. False where that was done, or it is locked."""

    async def count_wrong(self, factor: SecondFactor) -> None:
        """One more wrong code in a row."""

    async def use_recovery_code(self, factor: SecondFactor, code_hash: str) -> bool:
        """Uses up a recovery code, and unlocks. False where there is no such one."""

    async def renew_recovery_codes(self, factor: SecondFactor, hashes: Sequence[str]) -> bool:
        """These take the place of those before. False where it is not set any more."""

    async def remove(self, user_id: str) -> None:
        """The account has none any more, and no recovery codes."""

"""What a region keeps of the sessions of its accounts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sankofa.registry.v1.registry_pb2 import Row


@dataclass(frozen=True, slots=True)
class Carried:
    """With what the home before made a session's tokens, up to this number."""

    key: bytes
    number: int


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """A session. No token of it is stored, only the number of the refresh token that is to be shown next.

    `org_id` is that of a single sign-on, which is good for that organisation and has no refresh token; empty:
    the session is of an account. `address` and `user_agent` are those that last refreshed it, at
    `last_used_at_ms`.
    """

    session_id: str
    user_id: str
    generation: int
    created_at_ms: int
    last_used_at_ms: int
    expires_at_ms: int
    address: str
    user_agent: str
    carried: Carried | None = None
    """Of one that came here with its account."""
    org_id: str = ""


class SessionRecords(Protocol):
    """Every mutation is one transaction, on disk when it returns. All methods raise Unavailable.

    Those that end sessions enqueue the registry rows that say so, and answer them.
    """

    async def begin(self, session: SessionRecord) -> bool:
        """Writes one, and forgets those that are over. False where the account is not here, or leaves.

        A single sign-on needs no account, it is its organisation's: False where that has no such member.
        """

    async def find(self, session_id: str) -> SessionRecord | None:
        """A session that has not been ended; it may have expired."""

    async def moved_to(self, session_id: str) -> str | None:
        """The region that a session went to with its account, and that has taken it."""

    async def at_home(self, user_id: str) -> bool:
        """Whether the account is here."""

    async def advance(self, session: SessionRecord, number: int) -> bool:
        """Writes a session whose token of this number was used; False where another use came before."""

    async def of(self, user_id: str, now_ms: int, *, org_id: str = "") -> Sequence[SessionRecord]:
        """An account's sessions that are going on, the last used first; only single sign-ons to `org_id`."""

    async def end(self, session_ids: Sequence[str], now_ms: int, forget_after_ms: int) -> list[Row]:
        """Ends sessions; of those that were not going on nothing is said."""

    async def end_all(self, user_id: str, now_ms: int, forget_after_ms: int) -> list[Row]:
        """Ends an account's sessions, and says so of its single sign-ons in other regions.

        Raises CrossingRefused(ACCOUNT_MOVED) where the account is not here, or leaves.
        """

    async def change_password(
        self, user_id: str, password_hash: str, *, keep: str, now_ms: int, forget_after_ms: int
    ) -> list[Row]:
        """Writes another password; ends all of the account's sessions but one, and raises, as `end_all`."""

    async def ends(self, now_ms: int) -> list[Row]:
        """Of every session of which a token may still be valid, for a directory that is rebuilt."""

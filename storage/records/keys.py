"""The secrets that a region has for itself: what signs its tokens, what makes its refresh tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Protocol

from mesh.tokens import TokenKey
from sankofa.registry.v1.registry_pb2 import Row

FromTokenKey = Callable[[TokenKey | None], bytes]
"""Makes a secret; its argument is the region's token key, None in a region that has none yet."""


class KeyState(StrEnum):
    """How far a token key is, in this order."""

    ANNOUNCED = "announced"
    SIGNING = "signing"
    VERIFYING = "verifying"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A token key, without its halves. Times are 0 until they come to be."""

    kid: str
    created_at_ms: int
    signs_since_ms: int
    verifies_until_ms: int
    retired_at_ms: int
    without: tuple[str, ...]
    """Regions that are not waited for before it signs."""

    @property
    def state(self) -> KeyState:
        """As its times say."""
        if self.retired_at_ms:
            return KeyState.RETIRED
        if self.verifies_until_ms:
            return KeyState.VERIFYING
        return KeyState.SIGNING if self.signs_since_ms else KeyState.ANNOUNCED


class KeyRecords(Protocol):
    """They are in no other region and in no registry. All methods raise Unavailable.

    Every mutation is one transaction, on disk when it returns, with the registry rows that say so. Several
    processes may do the same thing at once: one of them does it.
    """

    async def begin(self, fresh: TokenKey, longest: timedelta) -> list[Row]:
        """At start: `fresh` signs where there is no key yet. What the registry is told of every key.

        `longest`: how long a token may live that this process signs.
        """

    async def signing_key(self) -> TokenKey:
        """The key that signs now. Raises LookupError before there is one."""

    async def keys(self) -> list[KeyRecord]:
        """Every key, the newest first."""

    async def announce(self, fresh: TokenKey, longest: timedelta, without: Sequence[str]) -> TokenKey:
        """The key that is going to sign: the announced one, or, where there is none, `fresh`."""

    async def sign_with(self, kid: str, now_ms: int, margin: timedelta) -> bool:
        """An announced key signs from now on; False where it was not announced.

        The one before verifies for as long as its longest token lives from now on, and `margin`.
        """

    async def retire(self, now_ms: int) -> list[Row]:
        """Ends every key whose time is over: its private half is erased. The rows that say so."""

    async def refresh_secret(self, make: FromTokenKey) -> bytes:
        """The secret of the region's refresh tokens: that which is kept, or, once, what `make` answers."""

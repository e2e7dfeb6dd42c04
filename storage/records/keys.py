"""The secrets that a region has for itself: what signs its tokens, what makes its refresh tokens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from mesh.tokens import TokenKey

FromTokenKey = Callable[[TokenKey | None], bytes]
"""Makes a secret; its argument is the region's token key, None in a region that has none yet."""


class KeyRecords(Protocol):
    """They are in no other region and in no registry. All methods raise Unavailable."""

    async def token_key(self, fresh: TokenKey) -> TokenKey:
        """The region's key for tokens: the newest there is, or `fresh` where there is none yet."""

    async def refresh_secret(self, make: FromTokenKey) -> bytes:
        """The secret of the region's refresh tokens: that which is kept, or, once, what `make` answers."""

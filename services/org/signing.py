"""Signs the region's tokens, with the key that its turn it is: asked of the records at each signature.

So every process of the region changes over at the same moment, whichever of them has exchanged the key.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from storage.records.keys import KeyRecords


class TokenSigner:
    """Of one region. `longest`: how long a token may live, so that a key is not retired before its tokens."""

    def __init__(self, *, region: str, records: KeyRecords, longest: timedelta) -> None:
        self._region = region
        self._records = records
        self.longest = longest

    async def sign(self, claims: Mapping[str, object], *, audience: str, lifetime: timedelta) -> str:
        """A JWT of the region. Raises Unavailable, and ValueError for one that would outlive its key."""
        if lifetime > self.longest:
            raise ValueError(f"a token of {lifetime}: no key is kept for longer than {self.longest}")
        key = await self._records.signing_key()
        return key.sign(claims, issuer=self._region, audience=audience, lifetime=lifetime)

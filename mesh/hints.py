"""Login hints: how the registry finds an account's home region without ever seeing an e-mail."""

from __future__ import annotations

import hashlib
import hmac
import unicodedata

MIN_KEY_BYTES = 32


def normalise(email: str) -> str:
    """The spelling under which an e-mail is one account: NFKC, case-folded, without space around it."""
    # Folding can leave a form that NFKC would change once more (Unicode 3.13, toNFKC_Casefold).
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", email).casefold()).strip()


class LoginHints:
    """Makes hints. All regions share the key, the registry does not have it: it can't try e-mails out."""

    def __init__(self, key: bytes) -> None:
        if len(key) < MIN_KEY_BYTES:
            raise ValueError(f"the key of the login hints has {len(key)} bytes: give it {MIN_KEY_BYTES}")
        self._key = key

    def hint(self, email: str) -> str:
        """HMAC-SHA-256 of the normalised e-mail, 64 hex digits."""
        return hmac.new(self._key, normalise(email).encode(), hashlib.sha256).hexdigest()

"""Keys derived from the mesh's own secret: to seal what rests in a database, to sign what comes back.

The secret is the file of `[process] hint_key_file`, which the cells of all regions have, and neither the
registry nor any database. So who reads a copy of the records reads no secret in them, and a secret can still
be opened where its organisation moves to. HKDF-SHA256 (RFC 5869) gives each use a key of its own.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12


class SealBroken(Exception):
    """What was sealed was changed, is another's, or was sealed with another secret."""


class Keyring:
    """Seals and signs for one use, "audit webhook secret"; nothing of one use opens in another."""

    def __init__(self, secret: bytes, use: str) -> None:
        self._sealing = AESGCM(_derive(secret, f"seal {use}"))
        self._signing = _derive(secret, f"sign {use}")

    def seal(self, plain: bytes, *, place: str) -> bytes:
        """AES-256-GCM under a fresh nonce; it opens only in its `place`, the id of what it belongs to."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._sealing.encrypt(nonce, plain, place.encode())

    def open(self, sealed: bytes, *, place: str) -> bytes:
        """Raises SealBroken."""
        try:
            return self._sealing.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], place.encode())
        except (InvalidTag, ValueError):
            raise SealBroken from None

    def sign(self, *parts: str) -> str:
        """HMAC-SHA256 of all parts, which can't be cut otherwise than they were; 64 hex digits."""
        told = b"".join(b"%d:%s" % (len(part.encode()), part.encode()) for part in parts)
        return hmac.new(self._signing, told, hashlib.sha256).hexdigest()

    def signed(self, signature: str, *parts: str) -> bool:
        """Whether a signature is that of these parts; in constant time."""
        return hmac.compare_digest(signature.encode(), self.sign(*parts).encode())


def _derive(secret: bytes, use: str) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=f"sankofa {use}".encode()).derive(secret)

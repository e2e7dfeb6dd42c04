"""Seals what crosses under a grant to a key that its target has made and signed: HPKE, RFC 9180.

Base mode: X25519, HKDF-SHA256, AES-256-GCM, from the cryptography library. TLS ends at each process; this
seal ends in the one process that made the key, which is in no file and on no other wire.
"""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from mesh.errors import InvalidInput

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 16
_SUITE: Final = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


class SealingKey:
    """The secret half of a key that others seal to, for as long as this process lives."""

    def __init__(self) -> None:
        self._key = X25519PrivateKey.generate()

    @property
    def public_bytes(self) -> bytes:
        """32 bytes."""
        raw = (serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return self._key.public_key().public_bytes(*raw)

    def open(self, sealed: bytes, *, info: bytes) -> bytes:
        """Raises InvalidInput for what was sealed to another key, for another place, or changed since."""
        try:
            return _SUITE.decrypt(sealed, self._key, info=info)
        except (InvalidTag, ValueError):
            raise InvalidInput(detail="what was sealed can't be opened here") from None


def seal(plain: bytes, public: bytes, *, info: bytes) -> bytes:
    """Seals to a public key of 32 bytes; `info` says for what, and has to be the same to open it."""
    return _SUITE.encrypt(plain, X25519PublicKey.from_public_bytes(public), info=info)


def info_of(operation_id: str, epoch: int, place: str, nonce: bytes) -> bytes:
    """For what something is sealed: a place in one transfer, once."""
    return b"\0".join((b"sankofa.transfer", operation_id.encode(), b"%d" % epoch, place.encode(), nonce))

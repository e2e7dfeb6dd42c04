"""How a secret that we made is kept: not at all. What is shown again is known by its hash."""

from __future__ import annotations

import hashlib


def hash_of(secret: str) -> bytes:
    """SHA-256, 32 bytes. Plain is enough: with 128 random bits or more there is nothing to try."""
    return hashlib.sha256(secret.encode()).digest()

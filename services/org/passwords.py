"""Passwords: argon2id with the library's parameters (RFC 9106, low-memory), in a thread."""

from __future__ import annotations

import asyncio
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

AT_ONCE = 2
"""Hashes at a time: each takes 64 MiB."""


class Passwords:
    """Hashes and verifies. Make it with `create`."""

    def __init__(self, *, hasher: PasswordHasher, nobodys: str) -> None:
        self._hasher = hasher
        self._nobodys = nobodys
        self._slots = asyncio.Semaphore(AT_ONCE)

    @classmethod
    async def create(cls) -> Passwords:
        """Makes the hash that stands in for accounts that do not exist."""
        hasher = PasswordHasher()
        return cls(hasher=hasher, nobodys=await asyncio.to_thread(hasher.hash, secrets.token_hex(16)))

    async def hash(self, password: str) -> str:
        """An argon2id string with its own salt."""
        async with self._slots:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def verify(self, stored: str | None, password: str) -> bool:
        """Takes as long for an account that does not exist (None) as for one that does."""
        async with self._slots:
            return await asyncio.to_thread(self._verify, stored, password)

    def _verify(self, stored: str | None, password: str) -> bool:
        try:
            self._hasher.verify(self._nobodys if stored is None else stored, password)
        except (VerificationError, InvalidHashError):
            return False
        return stored is not None

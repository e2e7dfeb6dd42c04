"""How secrets and recovery codes rest: sealed, and hashed under a key. A copy of the records holds neither.

Both keys are the whole mesh's (mesh/keyring.py): a second factor still works where its account moves to.
"""

from __future__ import annotations

import logging
from typing import Final

from mesh.errors import Unavailable
from mesh.keyring import Keyring, SealBroken
from storage.records.second_factors import SecondFactor

USE: Final = "second factor"
log = logging.getLogger(__name__)


class Sealing:
    """Of one account at a time: nothing of one is good for another."""

    def __init__(self, secret: bytes) -> None:
        self._keyring = Keyring(secret, USE)

    def seal(self, user_id: str, secret: bytes) -> bytes:
        """As the records have it."""
        return self._keyring.seal(secret, place=user_id)

    def open(self, factor: SecondFactor) -> bytes:
        """The secret. Raises Unavailable where the records are older, or of another, than the mesh's key."""
        try:
            return self._keyring.open(factor.sealed_secret, place=factor.user_id)
        except SealBroken:
            log.error("a second factor can't be opened: is [process] hint_key_file that of all regions?")
            raise Unavailable from None

    def hash(self, user_id: str, recovery_code: str) -> str:
        """Of a plain recovery code."""
        return self._keyring.sign(user_id, recovery_code)

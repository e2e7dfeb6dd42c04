"""The tokens of a session; refresh tokens are `rt.<region>.<session>.<number>.<secret>`.

The last part is a MAC of the rest under a key of the session, derived from a secret of the region: so that
nothing of it is stored, a forged one is told from a used one, and a lost answer can be given again. The
region stands in it for the shim to read. Where an account moves, the keys of its sessions go along, and open
nothing but the tokens that their holders have by then: the new home makes the next one with a key of its own.
"""

from __future__ import annotations

import base64
import hmac
import re
import secrets
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from mesh.errors import Unauthenticated
from mesh.tokens import TokenKey

_KIND = "rt"
LONGEST = 300
_FORM = re.compile(_KIND + r"\.[a-z0-9-]+\.(?P<session>\w+)\.(?P<number>[0-9]{1,18})", re.ASCII).fullmatch
_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a session's holder has: an access token (JWT), and the refresh token for the next."""

    access: str
    refresh: str


@dataclass(frozen=True, slots=True)
class Shown:
    """What a refresh token says: its session, and which of its tokens it is, from 0. It may be forged."""

    session_id: str
    number: int
    said: str
    mac: str

    def made_with(self, key: bytes) -> bool:
        """Whether it is genuine, if that is the session's key; in constant time."""
        return hmac.compare_digest(self.mac, _mac(key, self.said))


def new_secret(token_key: TokenKey | None) -> bytes:
    """What a region makes its refresh tokens with, from its first start on.

    Until there was such a secret the tokens were made with a key derived from the region's token key
    (HKDF-SHA256, RFC 5869): a region that has one goes on with that, so that its people stay signed in.
    """
    if token_key is None:
        return secrets.token_bytes(_SECRET_BYTES)
    derive = HKDF(hashes.SHA256(), _SECRET_BYTES, salt=None, info=b"sankofa refresh tokens")
    return derive.derive(token_key.private_bytes)


class RefreshTokens:
    """Those of one region. `secret` never leaves its records."""

    def __init__(self, region: str, secret: bytes) -> None:
        self._region = region
        self._key = secret

    def make(self, session_id: str, number: int) -> str:
        """The token of this number of a session."""
        said = f"{_KIND}.{self._region}.{session_id}.{number}"
        return f"{said}.{_mac(self.key_of(session_id), said)}"

    def key_of(self, session_id: str) -> bytes:
        """What this region makes a session's tokens with."""
        return hmac.digest(self._key, session_id.encode(), "sha256")

    def made(self, shown: Shown) -> bool:
        """Whether this region made it; with its secret itself, before each session had a key of its own."""
        return shown.made_with(self.key_of(shown.session_id)) or shown.made_with(self._key)

    def read(self, token: str) -> Shown:
        """Raises Unauthenticated for what is no such token."""
        said, _, mac = token.rpartition(".")
        form = _FORM(said) if len(token) <= LONGEST and mac.isascii() else None
        if form is None:
            raise Unauthenticated
        return Shown(form["session"], int(form["number"]), said, mac)


def _mac(key: bytes, said: str) -> str:
    digest = hmac.digest(key, said.encode(), "sha256")
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")

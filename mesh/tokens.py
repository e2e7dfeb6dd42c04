"""EdDSA JWTs: signed by the issuing region, verifiable in every region from the directory."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from mesh.directory import Directory
from mesh.errors import Unauthenticated
from sankofa.residency.v1.error_pb2 import ErrorReason

USER = "user"
PROVISION = "provision"
INTRODUCTION = "introduction"
MEMBER = "member"
"""Of who came by an organisation's single sign-on: good for that organisation (claim org_id), and for nothing
that is an account's own. Only the organisation's primary region may sign it."""
LEEWAY = timedelta(seconds=5)
MARGIN = LEEWAY + timedelta(seconds=55)
"""How much longer than any token its key and the end of its session are kept: more than clocks differ."""
LONGEST_LIFETIME = timedelta(hours=1)
"""Of a person's token, in every region of the mesh. A home can end what other regions have issued, whose
lifetime it does not know: the end is kept for this long."""
_RAW = (serialization.Encoding.Raw, serialization.PrivateFormat.Raw, serialization.NoEncryption())


def ends_forgotten_ms(ended_at_ms: int) -> int:
    """Until when the end of a session is kept: longer than a token of any region may live, and clocks differ.

    Not after the own region's lifetime: others issue single sign-ons, and it may have been longer.
    """
    return ended_at_ms + (LONGEST_LIFETIME + MARGIN) // timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Claims:
    """What a verified token says: `subject` (sub), `issuer_region` (iss), and every claim in `extra`."""

    subject: str
    issuer_region: str
    extra: Mapping[str, object]

    @property
    def only_org(self) -> str | None:
        """The one organisation that a token is good for; None: as good as its subject's account."""
        return str(self.extra.get("org_id", "")) if self.extra.get("aud") == MEMBER else None


class TokenKey:
    """A region's key for signing tokens."""

    def __init__(self, kid: str, key: Ed25519PrivateKey) -> None:
        self.kid = kid
        self._key = key

    @classmethod
    def generate(cls) -> TokenKey:
        """A new key with a random kid."""
        return cls(secrets.token_hex(8), Ed25519PrivateKey.generate())

    @classmethod
    def from_private_bytes(cls, kid: str, raw: bytes) -> TokenKey:
        """`raw`: 32 bytes."""
        return cls(kid, Ed25519PrivateKey.from_private_bytes(raw))

    @property
    def private_bytes(self) -> bytes:
        """32 bytes, secret."""
        return self._key.private_bytes(*_RAW)

    @property
    def public_bytes(self) -> bytes:
        """32 bytes, for the region's JwtKey row."""
        return self._key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)

    def sign(self, claims: Mapping[str, object], *, issuer: str, audience: str, lifetime: timedelta) -> str:
        """A JWT with `claims`, plus iss, aud, iat and exp."""
        now = datetime.now(UTC)
        full = {**claims, "iss": issuer, "aud": audience, "iat": now, "exp": now + lifetime}
        return jwt.encode(full, self._key, algorithm="EdDSA", headers={"kid": self.kid})


def verify(
    token: str | None,
    *,
    directory: Directory,
    audience: str | tuple[str, ...],
    clock_s: Callable[[], float] = time.time,
) -> Claims:
    """Raises Unauthenticated unless a region the directory knows signed it for this audience, in time.

    A signature is checked once: checking it again took a sixth of the time that a short query adds to its SQL
    (measured). Whether its key still stands, and whether its time or its session is over, is asked each time.
    """
    if not token:
        raise Unauthenticated(ErrorReason.ERROR_REASON_MISSING_TOKEN)
    try:
        public = directory.jwt_key(*_named(token))
        if public is None:
            raise Unauthenticated
        claims = _signed(token, public, audience)
    except (jwt.InvalidTokenError, ValueError):
        raise Unauthenticated from None
    if float(claims["exp"]) <= clock_s() - LEEWAY.total_seconds():
        raise Unauthenticated
    issuer, session_id = str(claims["iss"]), str(claims.get("sid", ""))
    if session_id and directory.session_ended(issuer, session_id):
        raise Unauthenticated(ErrorReason.ERROR_REASON_SESSION_ENDED)
    if (home := str(claims.get("home", ""))) and _ended_at_home(directory, home, claims):
        raise Unauthenticated(ErrorReason.ERROR_REASON_SESSION_ENDED)
    return Claims(str(claims.get("sub", "")), issuer, claims)


def _ended_at_home(directory: Directory, home: str, claims: Mapping[str, Any]) -> bool:
    """Whether a single sign-on of an account was ended at the account's home, after this token was issued.

    The issuer's clock may be ahead: a token that was issued within the leeway after the end is refused too.
    """
    ended_ms = directory.account_ended_ms(home, str(claims.get("sub", "")))
    return ended_ms > 0 and (float(claims["iat"]) - LEEWAY.total_seconds()) * 1000 <= ended_ms


def verify_person(token: str | None, *, directory: Directory, org_id: str | None) -> Claims:
    """Who asks for something of an organisation, signed in by password or by its single sign-on.

    `org_id` None: for what names no organisation. Whether the issuer may vouch for the person there is
    mesh.access.vouched's. Raises Unauthenticated, for another organisation's single sign-on too.
    """
    claims = verify(token, directory=directory, audience=(USER, MEMBER))
    if org_id is not None and claims.only_org not in (None, org_id):
        raise Unauthenticated
    return claims


@lru_cache(maxsize=1024)
def _named(token: str) -> tuple[str, str]:
    """Region and id of the key that a token says signed it; nothing of it is believed yet."""
    kid = jwt.get_unverified_header(token).get("kid", "")
    issuer = jwt.decode(token, options={"verify_signature": False}).get("iss", "")
    return str(issuer), str(kid)


@lru_cache(maxsize=1024)
def _signed(token: str, public: bytes, audience: str | tuple[str, ...]) -> Mapping[str, Any]:
    """The claims of a token that this key signed. Raises InvalidTokenError, which is not remembered."""
    return jwt.decode(
        token,
        Ed25519PublicKey.from_public_bytes(public),
        algorithms=["EdDSA"],
        audience=audience,
        leeway=LEEWAY,
        options={"require": ["exp", "iat", "iss", "aud"]},
    )

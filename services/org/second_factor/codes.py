"""Codes of a second factor: what an authenticator app shows for its secret, and recovery codes.

RFC 6238 with HMAC-SHA-1, six digits and 30 s, which is all that every app can do.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

SECRET_BYTES: Final = 20
"""RFC 4226, 4, R6: 160 bits are recommended."""
DIGITS: Final = 6
STEP_S: Final = 30
LEEWAY_STEPS: Final = 1
"""How many steps a phone's clock may be before or after this one (RFC 6238, 5.2)."""

RECOVERY_CODES: Final = 10
_RECOVERY_BYTES: Final = 10
"""80 bits each: nobody guesses one, so a fast hash of it may rest."""
_GROUP: Final = 4
ISSUER: Final = "Sankofa"


def new_secret() -> bytes:
    """Of an app."""
    return secrets.token_bytes(SECRET_BYTES)


def base32(secret: bytes) -> str:
    """As a person types it into an app."""
    return base64.b32encode(secret).decode()


def otpauth_uri(secret: bytes, email: str) -> str:
    """As an app reads it from a QR code. It holds the secret and the e-mail."""
    return _totp(secret).get_provisioning_uri(email, ISSUER)


def step_of(secret: bytes, code: str, now_ms: int) -> int | None:
    """The newest time step, of now and its leeway, whose code this is; all are compared, in constant time."""
    totp, now = _totp(secret), now_ms // 1000 // STEP_S
    steps = range(max(now - LEEWAY_STEPS, 0), now + LEEWAY_STEPS + 1)
    equal = [hmac.compare_digest(totp.generate(step * STEP_S), code.encode()) for step in steps]
    return max((step for step, same in zip(steps, equal, strict=True) if same), default=None)


def new_recovery_codes() -> list[str]:
    """As they are shown, once: `abcd-efgh-ijkl-mnop`."""
    return [_grouped(base64.b32encode(secrets.token_bytes(_RECOVERY_BYTES))) for _ in range(RECOVERY_CODES)]


def plain(shown: str) -> str:
    """A code without the spaces and hyphens that people write it with."""
    return "".join(shown.replace("-", "").split()).lower()


def is_of_app(code: str) -> bool:
    """Whether a plain code looks like an app's, not like a recovery code."""
    return len(code) == DIGITS and code.isascii() and code.isdigit()


def _grouped(code: bytes) -> str:
    text = code.decode().lower()
    return "-".join(text[start : start + _GROUP] for start in range(0, len(text), _GROUP))


def _totp(secret: bytes) -> TOTP:
    return TOTP(secret, DIGITS, SHA1(), STEP_S)

"""An authenticator app, written from RFC 4226 and RFC 6238 alone: nothing of it is what it is to check."""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct
import time
from dataclasses import dataclass

import httpx

STEP_S = 30


@dataclass(frozen=True, slots=True)
class App:
    """Holds one secret, in base32."""

    secret: str

    @classmethod
    def of(cls, uri: str) -> App:
        """Reads a QR code. Fails for what an app would have to guess about."""
        url = httpx.URL(uri)
        told = dict(url.params)
        expected = {"algorithm": "SHA1", "digits": "6", "period": "30", "issuer": "Sankofa"}
        assert (url.scheme, url.host) == ("otpauth", "totp")
        assert {name: told.get(name) for name in expected} == expected
        return cls(told["secret"])

    def at(self, step: int) -> str:
        """The code of a time step."""
        digest = hmac.digest(base64.b32decode(self.secret), struct.pack(">Q", step), hashlib.sha1)
        offset = digest[-1] & 15
        (number,) = struct.unpack(">I", digest[offset : offset + 4])
        return f"{(number & 0x7FFFFFFF) % 1_000_000:06}"

    def now(self, *, ahead: int = 0) -> str:
        """What it shows; `ahead` steps from now. Good for half a minute at least, where ahead is 0 or 1."""
        return self.at(int(time.time()) // STEP_S + ahead)

    def wrong(self) -> str:
        """A code that is good at none of the steps around now."""
        now = int(time.time()) // STEP_S
        good = {self.at(step) for step in range(now - 3, now + 5)}
        return next(code for code in ("000000", *map(str, range(100000, 100009))) if code not in good)

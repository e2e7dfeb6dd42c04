"""Links to files: signed by the region, for 15 minutes, in the name of who asked for one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from mesh.errors import Forbidden
from mesh.keyring import Keyring
from sankofa.residency.v1.error_pb2 import ErrorReason

LIFETIME: Final = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Link:
    """What permits to fetch a file, until a time, unix milliseconds."""

    expires_ms: int
    user_id: str
    signature: str


class Links:
    """Makes and checks them; no other region's are good here."""

    def __init__(self, secret: bytes, region: str) -> None:
        self._keyring = Keyring(secret, f"audit export link {region}")

    def make(self, scope: str, export_id: str, user_id: str, now_ms: int) -> Link:
        """A link from now on."""
        expires_ms = now_ms + int(LIFETIME.total_seconds() * 1000)
        return Link(expires_ms, user_id, self._keyring.sign(scope, export_id, user_id, str(expires_ms)))

    def check(self, link: Link, scope: str, export_id: str, now_ms: int) -> None:
        """Raises Forbidden(LINK_INVALID) for one that is over, was changed, or is for another file."""
        parts = (scope, export_id, link.user_id, str(link.expires_ms))
        if not self._keyring.signed(link.signature, *parts) or link.expires_ms <= now_ms:
            raise Forbidden(ErrorReason.ERROR_REASON_LINK_INVALID)

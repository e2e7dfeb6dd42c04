"""Refusals as SCIM writes them (RFC 7644, 3.12): so is answered whatever fails below its path."""

from __future__ import annotations

from typing import Final

import msgspec

from mesh.errors import SankofaError
from sankofa.residency.v1.error_pb2 import ErrorReason

ROOT: Final = "/api/v1/scim/v2/"
MEDIA_TYPE: Final = (b"content-type", b"application/scim+json")
CHALLENGE: Final = (b"www-authenticate", b'Bearer realm="SCIM"')
_SCHEMA: Final = "urn:ietf:params:scim:api:messages:2.0:Error"
_TYPES: Final = {
    ErrorReason.ERROR_REASON_INVALID_BODY: "invalidSyntax",
    ErrorReason.ERROR_REASON_INVALID_ARGUMENT: "invalidValue",
    ErrorReason.ERROR_REASON_ALREADY_MEMBER: "uniqueness",
}


def told(error: SankofaError) -> dict[str, object]:
    """The public shape."""
    shape: dict[str, object] = {
        "schemas": [_SCHEMA],
        "status": str(error.http_status),
        "detail": error.public_text,
    }
    kind = _TYPES.get(error.reason)
    return shape | {"scimType": kind} if kind else shape


def body(error: SankofaError) -> bytes:
    """As it is sent."""
    return msgspec.json.encode(told(error))

"""The types of refusals; mesh/errors/__init__.py draws them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import grpc

from sankofa.residency.v1.error_pb2 import ErrorReason

LONGEST_DETAIL = 200
"""Characters: it travels in gRPC's trailers, three times and encoded, and they hold 8 KiB."""
RETRY_AFTER_S = 1
"""When to come again, where nothing more exact is known."""


class SankofaError(Exception):
    """A refusal with a typed reason. `detail` completes the public text and never holds a payload.

    `retry_after_s`: where the same call may succeed later, whole seconds until it is worth trying.
    """

    default: ClassVar[ErrorReason] = ErrorReason.ERROR_REASON_INTERNAL

    def __init__(
        self, reason: ErrorReason | None = None, *, detail: str = "", retry_after_s: int = RETRY_AFTER_S
    ) -> None:
        self.reason: ErrorReason = self.default if reason is None else reason
        self.detail = detail[:LONGEST_DETAIL]
        self.retry_after_s = retry_after_s
        super().__init__(self.public_text)

    @property
    def public_text(self) -> str:
        """What a person outside may read."""
        text = _wire(self.reason).text
        return f"{text}: {self.detail}" if self.detail else text

    @property
    def http_status(self) -> int:
        """The status of the REST answer."""
        return _wire(self.reason).http

    @property
    def grpc_code(self) -> grpc.StatusCode:
        """The code of the gRPC answer."""
        return _wire(self.reason).code


class InvalidInput(SankofaError):
    """What the caller sent can't be used."""

    default = ErrorReason.ERROR_REASON_INVALID_ARGUMENT


class Unauthenticated(SankofaError):
    """Who the caller is can't be established."""

    default = ErrorReason.ERROR_REASON_INVALID_TOKEN


class Forbidden(SankofaError):
    """The caller is known, and may not."""

    default = ErrorReason.ERROR_REASON_PERMISSION_DENIED


class CrossingRefused(Forbidden):
    """The guard: this call may not cross, or may not be served here."""

    default = ErrorReason.ERROR_REASON_CROSSING_FORBIDDEN


class NotFound(SankofaError):
    """No such thing here."""

    default = ErrorReason.ERROR_REASON_NOT_FOUND


class Conflict(SankofaError):
    """It clashes with what is."""

    default = ErrorReason.ERROR_REASON_ROW_CONFLICT


class RateLimited(SankofaError):
    """The caller asks too often."""

    default = ErrorReason.ERROR_REASON_RATE_LIMITED


class Unavailable(SankofaError):
    """The same call may succeed later."""

    default = ErrorReason.ERROR_REASON_UNAVAILABLE


@dataclass(frozen=True, slots=True)
class Wire:
    """How a reason looks outside."""

    type: type[SankofaError]
    code: grpc.StatusCode
    http: int
    text: str


def _wire(reason: ErrorReason) -> Wire:
    from mesh.errors.table import TABLE  # which names the types of this file

    return TABLE[reason]

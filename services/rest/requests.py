"""A request as the shim's own routes see it, and how its body is read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeAlias

import msgspec
from starlette.types import Receive, Scope

from mesh.errors import InvalidInput
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.rest.responses import Answer

_LENGTH_DIGITS: Final = 20
"""Of the longest length that the parser lets in, 2^64-1; zeros may be before it, more than int() reads."""

Hold: TypeAlias = Callable[[int], None]


class ClientGone(Exception):
    """The client went away before its body was complete: there is nobody to answer."""


def client_address(scope: Mapping[str, Any], sent: Mapping[bytes, bytes]) -> str:
    """Whom a request is from. A forwarded address counts from the edge only: the last one, which it added."""
    if scope.get("state", {}).get("via_edge"):
        return sent.get(b"x-forwarded-for", b"").rpartition(b",")[2].strip().decode("latin-1")
    client: tuple[str, int] | None = scope.get("client")
    return client[0] if client else ""


class Request(msgspec.Struct):
    """One request on its way. `sent` holds its headers, the last of a repeated one."""

    scope: Scope
    receive: Receive
    sent: Mapping[bytes, bytes]
    traceparent: str = ""
    body_bytes: int = 0
    body_read: bool = False

    @property
    def body_pending(self) -> bool:
        """Whether there is a body that was not read to its end, so that the connection must close."""
        if self.body_read:
            return False
        return b"transfer-encoding" in self.sent or self.sent.get(b"content-length", b"0") != b"0"

    def repeats(self, name: bytes) -> bool:
        """Whether a header came more than once."""
        headers = self.scope["headers"]
        return len(headers) != len(self.sent) and sum(header == name for header, _ in headers) > 1

    def declared_bytes(self, limit_bytes: int) -> int | None:
        """How large the body is said to be, None where it is not said. Raises InvalidInput: 413."""
        length = self.sent.get(b"content-length")
        if length is None:
            return None if b"transfer-encoding" in self.sent else 0
        if not length.isdigit():
            return None
        if (declared := int(length[-_LENGTH_DIGITS:])) > limit_bytes:
            raise InvalidInput(ErrorReason.ERROR_REASON_BODY_TOO_LARGE)
        return declared

    async def body(self, *, limit_bytes: int, hold: Hold = lambda size_bytes: None) -> bytes:
        """Reads the body. Raises InvalidInput (413, unread where its length says so) and ClientGone.

        `hold` is told how much of it is in memory as it comes, and may raise.
        """
        self.declared_bytes(limit_bytes)
        first = await self.receive()
        if first["type"] != "http.request":
            raise ClientGone
        piece: bytes = first.get("body", b"")
        self.body_bytes = len(piece)
        self.body_read = not first.get("more_body")
        if len(piece) > limit_bytes:
            raise InvalidInput(ErrorReason.ERROR_REASON_BODY_TOO_LARGE)
        hold(len(piece))
        return piece if self.body_read else await self._rest(piece, limit_bytes, hold)

    async def _rest(self, first: bytes, limit_bytes: int, hold: Hold) -> bytes:
        pieces = [first]
        while not self.body_read:
            message = await self.receive()
            if message["type"] != "http.request":
                raise ClientGone
            pieces.append(message.get("body", b""))
            self.body_bytes += len(pieces[-1])
            self.body_read = not message.get("more_body")
            if self.body_bytes > limit_bytes:
                raise InvalidInput(ErrorReason.ERROR_REASON_BODY_TOO_LARGE)
            hold(self.body_bytes)
        return b"".join(pieces)


Handler: TypeAlias = Callable[[Request], Awaitable[Answer]]

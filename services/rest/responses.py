"""What every answer has: its region, its request id, its error shape, its CORS headers."""

from __future__ import annotations

import itertools
import re
import secrets
from collections.abc import Mapping
from typing import Final, TypeAlias

import msgspec

from mesh.errors import SankofaError
from services.rest.scim import refusals

Headers: TypeAlias = list[tuple[bytes, bytes]]

JSON: Final = (b"content-type", b"application/json")
CLOSE: Final = (b"connection", b"close")
_VALID_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,128}").fullmatch
_EXPOSED: Final = b"X-Sankofa-Region, X-Request-Id, Retry-After"
_PREFLIGHT_MAX_AGE_S: Final = b"86400"


class Answer(msgspec.Struct, frozen=True):
    """A whole response, but for the headers that every response has."""

    body: bytes
    status: int
    headers: tuple[tuple[bytes, bytes], ...]


def answer(
    body: bytes = b"", status: int = 200, *headers: tuple[bytes, bytes], kind: tuple[bytes, bytes] = JSON
) -> Answer:
    """A response with its length; an empty body has no content type, a 204 no length (RFC 9110, 8.6)."""
    if status == 204:
        return Answer(body, status, headers)
    length = (b"content-length", b"%d" % len(body))
    return Answer(body, status, (*headers, length, kind) if body else (*headers, length))


class RequestIds:
    """Keeps a caller's valid request id, makes one otherwise: unique per process by a random prefix."""

    def __init__(self) -> None:
        self._prefix = secrets.token_hex(8)
        self._counter = itertools.count(1)

    def of(self, sent: bytes | None) -> bytes:
        """The id of a request whose X-Request-Id header was `sent`."""
        if sent is not None and _VALID_REQUEST_ID(sent):
            return sent
        return b"req_%s%010x" % (self._prefix.encode(), next(self._counter))


def error_answer(
    error: SankofaError,
    *,
    request_id: bytes,
    close: bool = False,
    allow: bytes = b"",
    scim: bool = False,
) -> Answer:
    """The public shape of an error; `close` where the request's body has not been read, `allow` for a 405.

    `scim`: the shape of RFC 7644, which has no place for the request's id: it is in the header alone.
    """
    if scim:
        body, kind = refusals.body(error), refusals.MEDIA_TYPE
    else:
        told = {"ok": False, "error": error.public_text, "request_id": request_id.decode("ascii")}
        body, kind = msgspec.json.encode(told), JSON
    headers: tuple[tuple[bytes, bytes], ...] = (CLOSE,) if close else ()
    if error.http_status in (429, 503):
        headers += ((b"retry-after", b"%d" % error.retry_after_s),)
    elif error.http_status == 405:
        headers += ((b"allow", allow),)
    elif scim and error.http_status == 401:
        headers += (refusals.CHALLENGE,)
    return answer(body, error.http_status, *headers, kind=kind)


class Cors:
    """Which pages may call: any may ingest, the configured dashboards may manage."""

    def __init__(self, *, dashboard_origins: tuple[str, ...]) -> None:
        self._dashboards = frozenset(origin.encode("latin-1") for origin in dashboard_origins)

    def headers(self, origin: bytes | None, *, ingestion: bool) -> Headers:
        """The CORS headers of an answer to a page of `origin`."""
        if origin is None:
            return []
        if ingestion:
            return [(b"access-control-allow-origin", b"*"), (b"access-control-expose-headers", _EXPOSED)]
        if origin not in self._dashboards:
            return [(b"vary", b"Origin")]
        return [
            (b"access-control-allow-origin", origin),
            (b"access-control-expose-headers", _EXPOSED),
            (b"vary", b"Origin"),
        ]

    def preflight(self, sent: Mapping[bytes, bytes], *, ingestion: bool) -> Answer:
        """The answer to a preflight; a page that may not call gets one that permits nothing."""
        if not ingestion and sent.get(b"origin") not in self._dashboards:
            return answer(status=204)
        methods = b"POST, OPTIONS" if ingestion else b"GET, POST, PUT, PATCH, DELETE, OPTIONS"
        headers = [
            (b"access-control-allow-methods", methods),
            (b"access-control-max-age", _PREFLIGHT_MAX_AGE_S),
        ]
        wanted = sent.get(b"access-control-request-headers")
        if wanted:
            headers.append((b"access-control-allow-headers", wanted))
        return answer(b"", 204, *headers)

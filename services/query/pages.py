"""Pages: how long one is, and the opaque cursor that says where the next begins."""

from __future__ import annotations

import base64
import binascii
from typing import TypeVar

import msgspec

from mesh.errors import InvalidInput
from services.query.config import QueryConfig

Place = TypeVar("Place")


def limit_of(asked: int, config: QueryConfig) -> int:
    """0 is the default. Raises InvalidInput over the most that is allowed."""
    if asked > config.max_page:
        raise InvalidInput(detail=f"limit is over {config.max_page}")
    return asked or config.default_page


def cursor_of(place: object) -> str:
    """A place in a list, as text that only `place_of` reads."""
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode("ascii")


def place_of(cursor: str, kind: type[Place]) -> Place | None:
    """The place a cursor means; None for the first page. Raises InvalidInput for any other text."""
    if not cursor:
        return None
    try:
        return msgspec.json.decode(base64.b64decode(cursor, altchars=b"-_", validate=True), type=kind)
    except (ValueError, binascii.Error, msgspec.DecodeError, RecursionError):
        raise InvalidInput(detail="cursor") from None

"""What a name may be that people give to a thing."""

from __future__ import annotations

from typing import Final

from mesh.errors import InvalidInput

MAX_NAME: Final = 200


def require_name(field: str, name: str) -> str:
    """A name without space around it. Raises InvalidInput."""
    name = name.strip()
    if not 1 <= len(name) <= MAX_NAME or not name.isprintable():
        raise InvalidInput(detail=f"{field} must have 1 to {MAX_NAME} printable characters")
    return name

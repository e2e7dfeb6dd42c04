"""API tokens: opaque secrets for machines, each of one project, and known in that project's region alone."""

from __future__ import annotations

import secrets
from typing import Final, TypeGuard

from mesh.ids import BASE62

PREFIX: Final = "sat_"
"""What tells a token from a person's, and what scanners for leaked secrets look for."""

SECRET_LENGTH: Final = 40
"""Letters and digits after the prefix: 238 bits."""

DEFAULT_DAYS: Final = 90
MOST_DAYS: Final = 365
"""For how long a token is good. None is good for ever: one that nobody remembers ends by itself."""


def new_secret() -> str:
    """`sat_` and 40 random base-62 characters."""
    return PREFIX + "".join(secrets.choice(BASE62) for _ in range(SECRET_LENGTH))


def is_api_token(token: str | None) -> TypeGuard[str]:
    """Whether a bearer token is one of a project's, by its looks."""
    return token is not None and token.startswith(PREFIX)


def actor_of(token_id: str) -> str:
    """How audit logs name a token that acts: token/tok_…"""
    return f"token/{token_id}"

"""Ids: a prefix that says what the thing is, and 20 characters that nobody can guess."""

from __future__ import annotations

import secrets
import string

BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase


def new_id(prefix: str) -> str:
    """`<prefix>_` and 20 random base-62 characters (119 bits)."""
    return f"{prefix}_{''.join(secrets.choice(BASE62) for _ in range(20))}"

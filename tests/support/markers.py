"""Values to plant and to look for; the only form that a sweep takes."""

from __future__ import annotations

import secrets
import string


def new_marker() -> str:
    """One that nobody has planted yet."""
    return "mark_" + "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(20))

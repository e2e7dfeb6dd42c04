"""What e-mails and passwords may be."""

from __future__ import annotations

import re

from mesh.errors import InvalidInput
from mesh.hints import normalise

_EMAIL = re.compile(r"[^@\s\x00-\x1f]{1,64}@[^@\s\x00-\x1f.]+(\.[^@\s\x00-\x1f.]+)+")
MAX_EMAIL, MIN_PASSWORD, MAX_PASSWORD = 254, 8, 1024


def require_email(email: str) -> str:
    """An e-mail without space around it. Raises InvalidInput."""
    email = email.strip()
    if len(email) > MAX_EMAIL or not email.isprintable() or not _EMAIL.fullmatch(normalise(email)):
        raise InvalidInput(detail="email is not an e-mail address")
    return email


def require_password(password: str) -> None:
    """Raises InvalidInput."""
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise InvalidInput(detail=f"password must have {MIN_PASSWORD} to {MAX_PASSWORD} characters")

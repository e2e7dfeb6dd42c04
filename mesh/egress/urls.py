"""The form of an address that an Owner may set; where it leads is judged at each call."""

from __future__ import annotations

import httpx

from mesh.errors import InvalidInput

LONGEST_URL = 2_048
"""Characters."""


def checked_url(url: str) -> httpx.URL:
    """Reads an absolute http(s) URL. Raises InvalidInput, with what to change.

    http passes here: whether its host is one that an operator allows is known when it is called.
    """
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        raise InvalidInput(detail="the url can't be read: it has the form https://host/path") from None
    if len(url) > LONGEST_URL:
        raise InvalidInput(detail=f"the url has more than {LONGEST_URL} characters")
    if parsed.scheme not in ("https", "http") or not parsed.host:
        raise InvalidInput(detail="the url must be https://host/path")
    if parsed.port is not None and not 0 < parsed.port < 1 << 16:
        raise InvalidInput(detail="the url's port must be between 1 and 65535")
    if parsed.userinfo:
        raise InvalidInput(detail="the url must not hold a user or a password")
    if parsed.fragment:
        raise InvalidInput(detail="the url must not have a #fragment")
    return parsed

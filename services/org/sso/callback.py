"""Where providers send people back to: one URL, the same at the beginning and at the end of a sign-in."""

from __future__ import annotations

from typing import Final

from mesh.directory import Directory
from mesh.errors import Unavailable

PATH: Final = "/api/v1/auth/sso/callback"


class Callback:
    """The redirect URI of one region."""

    def __init__(self, *, region: str, directory: Directory, url: str) -> None:
        self._region = region
        self._directory = directory
        self._url = url

    def url(self) -> str:
        """As the operator has set it, or on the region's own public URL. Raises Unavailable."""
        if self._url:
            return self._url
        fact = self._directory.region(self._region)
        if fact is None or not fact.rest_url:
            raise Unavailable(detail="the region has no public URL in the catalogue")
        return fact.rest_url.rstrip("/") + PATH

"""Secrets that a region's operator has put into files, for organisations to refer to by name.

`<folder>/<org_id>/<name>` is one: a folder for each organisation, so that no Owner can name another's.
Orchestrators mount secrets as such files. Read at each use, so that a changed one counts at once; never
written, never logged.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from mesh.errors import InvalidInput

MOST_BYTES = 4096
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}").fullmatch


class SecretFiles:
    """Files below one folder; None where the operator has set up none."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    async def read(self, org_id: str, name: str) -> str:
        """The secret, without a line's end. Raises InvalidInput: no such name, or nothing usable there."""
        if not _NAME(name) or not _NAME(org_id):
            raise InvalidInput(
                detail="a secret's name has 1 to 128 letters, digits, dots, dashes and underscores"
            )
        if self._folder is None:
            raise InvalidInput(
                detail="this region has no secrets: its operator has to set [cell] secrets_dir"
            )
        return await asyncio.to_thread(_read, self._folder / org_id / name, name)


def _read(path: Path, name: str) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
        text = raw.decode().rstrip("\r\n")
    except (OSError, ValueError):
        raise InvalidInput(
            detail=f"this region has no secret {name} for the organisation: its operator has to put it there"
        ) from None
    if not text or len(raw) > MOST_BYTES:
        raise InvalidInput(detail=f"the secret {name} is empty, or over {MOST_BYTES} bytes")
    return text

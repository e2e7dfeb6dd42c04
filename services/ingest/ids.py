"""Ids of rows: `evt_` and 21 base-62 characters, random, or derived from what a retry repeats."""

from __future__ import annotations

import hashlib
import os
from collections import deque

from mesh.ids import BASE62

_CHARACTERS = 21
_TO_BASE62 = bytes(BASE62.encode()[byte % 62] for byte in range(256))
"""One character a byte: 124 bits in 21 of them, as 256 is not a multiple of 62."""


_AT_ONCE = 256
_spare: deque[str] = deque()


def random_id() -> str:
    """An id that nobody can guess. Any thread may ask: no two take the same one out."""
    while True:
        try:
            return _spare.pop()
        except IndexError:
            # The system call costs as much as the rest of a row: one for many ids.
            many = _text(os.urandom(_CHARACTERS * _AT_ONCE))
            _spare.extend([f"evt_{many[at : at + _CHARACTERS]}" for at in range(0, len(many), _CHARACTERS)])


def id_of_event_id(project_id: str, environment: str, event_id: str) -> str:
    """The same client's event id in the same project and environment always makes the same id."""
    return _derived(f"{project_id}\0{environment}\0event_id\0{event_id}")


def id_of_key(project_id: str, environment: str, retry_key: str, index: int) -> str:
    """The same for the operation at `index` of a request with an Idempotency-Key."""
    return _derived(f"{project_id}\0{environment}\0key\0{index}\0{retry_key}")


def _derived(name: str) -> str:
    return f"evt_{_text(hashlib.sha256(name.encode()).digest()[:_CHARACTERS])}"


def _text(raw: bytes) -> str:
    return raw.translate(_TO_BASE62).decode("ascii")

"""Whose request is answered next: one of each organisation, and a few of all, at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from mesh.errors import RateLimited

AT_ONCE: Final = 4
"""Of all organisations: each takes a thread, and its share of the one that runs."""
MOST_WAITING: Final = 32
"""Of one organisation, with their bodies: what comes beyond is to come again."""


class Turns:
    """An organisation's requests follow each other, so that none of them holds up another organisation's."""

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._locks: dict[str, asyncio.Lock] = {}
        self._here: dict[str, int] = {}

    @asynccontextmanager
    async def of(self, org_id: str) -> AsyncIterator[None]:
        """Waits for one. Raises RateLimited where too many are waiting."""
        here = self._here.get(org_id, 0)
        if here > MOST_WAITING:
            raise RateLimited(detail=f"a directory has {MOST_WAITING} requests waiting at most")
        self._here[org_id] = here + 1
        try:
            async with self._locks.setdefault(org_id, asyncio.Lock()), self._slots:
                yield
        finally:
            self._here[org_id] -= 1
            if not self._here[org_id]:
                del self._here[org_id], self._locks[org_id]

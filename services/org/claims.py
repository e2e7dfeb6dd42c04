"""E-mails that are being claimed at the registry for an organisation's new people: it waits with its fence.

A claim can't be taken back. Made here, and followed by a refusal since the organisation is moving, it would
keep the person out of the region where their invitation is then.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from mesh.errors import Unavailable
from sankofa.residency.v1.error_pb2 import ErrorReason

LONGEST_S: Final = 10.0
"""How long a fence waits for claims that have begun: as long as any call takes."""


class Claims:
    """Of the organisations of this process."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()
        self._closed: set[str] = set()
        self._ended = asyncio.Condition()

    @asynccontextmanager
    async def claiming(self, org_id: str) -> AsyncIterator[None]:
        """Around a claim and what it is for. Raises Unavailable(ORG_MOVING) where a fence is being made."""
        if org_id in self._closed:
            raise Unavailable(ErrorReason.ERROR_REASON_ORG_MOVING)
        self._open[org_id] += 1
        try:
            yield
        finally:
            self._open[org_id] -= 1
            async with self._ended:
                self._ended.notify_all()

    @asynccontextmanager
    async def closed(self, org_id: str) -> AsyncIterator[None]:
        """Around the making of a fence: what has begun is over. Raises Unavailable where that takes long."""
        self._closed.add(org_id)
        try:
            async with asyncio.timeout(LONGEST_S), self._ended:
                await self._ended.wait_for(lambda: not self._open[org_id])
            yield
        except TimeoutError:
            raise Unavailable from None
        finally:
            self._closed.discard(org_id)
            self._open += Counter()  # forgets those of which there are none

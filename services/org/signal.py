"""Wakes the access feeds of this process when access rows have changed."""

from __future__ import annotations

import asyncio


class ChangeSignal:
    """A counter that can be waited on. Feeds re-read the records after every wait, whatever ended it."""

    def __init__(self) -> None:
        self.count = 0
        self.beginning = 0
        """Grows when what was told before may be gone: a feed that began before has to begin anew."""
        self._changed = asyncio.Condition()

    async def notify(self) -> None:
        """Something has changed."""
        async with self._changed:
            self.count += 1
            self._changed.notify_all()

    async def begin_anew(self) -> None:
        """Something that was told is not this region's to tell any more."""
        self.beginning += 1
        await self.notify()

    async def wait_beyond(self, seen: int, timeout_s: float) -> None:
        """Waits until `count` is over `seen`, or for `timeout_s` seconds."""
        try:
            async with asyncio.timeout(timeout_s), self._changed:
                await self._changed.wait_for(lambda: self.count > seen)
        except TimeoutError:
            return

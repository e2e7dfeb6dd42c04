"""Counting by windows: how much of a limit an owner has used in a window that its first request opened.

Own code where the `limits` package would be expected: that one (5.8) starts a thread after a hit and walks
all its keys in it, reads the wall clock, and neither grants a part of what is asked nor takes anything back.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import Final

MINUTE_S: Final = 60.0

MOST_OWNERS: Final = 100_000
"""Windows kept at once; beyond it the oldest is forgotten. Each takes some 200 bytes."""


class Window:
    """One owner's window. `number` tells it from the one before."""

    __slots__ = ("ends_s", "number", "used")

    def __init__(self, number: int, ends_s: float) -> None:
        self.number = number
        self.ends_s = ends_s
        self.used = 0


class Windows:
    """Windows of `length_s` seconds, all of one length."""

    def __init__(
        self, length_s: float, *, clock: Callable[[], float] = time.monotonic, most: int = MOST_OWNERS
    ) -> None:
        self._length_s = length_s
        self._clock = clock
        self._most = most
        self._numbers = itertools.count(1)
        self._open: dict[str, Window] = {}

    def __len__(self) -> int:
        return len(self._open)

    def of(self, owner: str) -> Window:
        """The window that an owner is in, opened now where it is in none."""
        now_s = self._clock()
        window = self._open.get(owner)
        if window is not None and now_s < window.ends_s:
            return window
        self._forget(owner, now_s)
        window = self._open[owner] = Window(next(self._numbers), now_s + self._length_s)
        return window

    def take(self, owner: str, limit: int) -> float:
        """Takes one of an owner's limit: 0.0, or, where it is used up, the seconds until it is whole."""
        window = self.of(owner)
        if window.used >= limit:
            return max(self.left_s(window), 0.001)
        window.used += 1
        return 0.0

    def left_s(self, window: Window) -> float:
        """How long a window still lasts, seconds."""
        return max(0.0, window.ends_s - self._clock())

    def _forget(self, owner: str, now_s: float) -> None:
        """Drops the owner's old window and those that ended: all last as long, so the oldest ends first."""
        self._open.pop(owner, None)
        while self._open:
            oldest = next(iter(self._open))
            if self._open[oldest].ends_s > now_s and len(self._open) < self._most:
                return
            del self._open[oldest]

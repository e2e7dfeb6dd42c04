"""Where in the stream the rows end: so a cursor finds what lies beyond it, and what may be deleted."""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

STEP_BYTES: Final = 256 << 10
"""Commits that are smaller share an entry: a full log has thousands of entries then, not millions."""


class _Entry(NamedTuple):
    last: int
    place: int
    size: int


class Places:
    """In the order of the stream. For the link's loop alone."""

    def __init__(self) -> None:
        self._entries: deque[_Entry] = deque()

    def add(self, last: int, place: int, size: int) -> None:
        """A commit of `size` bytes ends here, with this row. One that is known already changes nothing."""
        newest = self._entries[-1] if self._entries else None
        if newest is not None and place <= newest.place:
            return
        if newest is not None and newest.size < STEP_BYTES:
            self._entries[-1] = _Entry(last, place, newest.size + size)
        else:
            self._entries.append(_Entry(last, place, size))

    def passed(self, row: int) -> int:
        """The last place known to hold nothing beyond the row; 0 for none."""
        return max([entry.place for entry in self._entries if entry.last <= row], default=0)

    def forget(self, place: int) -> None:
        """What lies up to a place has been deleted."""
        while self._entries and self._entries[0].place <= place:
            self._entries.popleft()

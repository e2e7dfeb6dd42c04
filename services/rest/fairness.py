"""Whose requests go into the next frame: every project's turn, by bytes.

Deficit round robin (Shreedhar and Varghese, "Efficient fair queuing using deficit round robin", SIGCOMM
1995): each turn gives a project so many bytes more, and it sends what they cover. While everything that waits
fits into one frame nobody needs a turn, so a region that keeps up pays a look-up for its fairness.
"""

from __future__ import annotations

from collections import deque
from typing import Generic, Protocol, TypeVar

QUANTUM_BYTES = 64 * 1024
"""What a turn is worth: hundreds of single events; 64 projects have a turn each in a frame of 4 MiB."""


class Sized(Protocol):
    """What waits."""

    @property
    def size_bytes(self) -> int:
        """What it takes of a frame."""


T = TypeVar("T", bound=Sized)


class _Lane(Generic[T]):
    """What one project has waiting, in the order in which it came, and the bytes it may still send."""

    __slots__ = ("credit_bytes", "entries", "project_id")

    def __init__(self, project_id: str) -> None:
        self.project_id = project_id
        self.entries: deque[T] = deque()
        self.credit_bytes = 0


class FairQueue(Generic[T]):
    """Entries of many projects. A project's own keep their order; how much may wait is for others to say."""

    def __init__(self, *, frame_bytes: int, quantum_bytes: int = QUANTUM_BYTES) -> None:
        self._frame_bytes = frame_bytes
        self._quantum_bytes = quantum_bytes
        self._lanes: dict[str, _Lane[T]] = {}
        self._turns: deque[_Lane[T]] = deque()
        self._count = 0
        self.waiting_bytes = 0

    def __len__(self) -> int:
        return self._count

    def put(self, project_id: str, entry: T) -> None:
        """Takes an entry; its project has a turn after those that have one already."""
        lane = self._lanes.get(project_id)
        if lane is None:
            lane = self._lanes[project_id] = _Lane(project_id)
            self._turns.append(lane)
        lane.entries.append(entry)
        self._count += 1
        self.waiting_bytes += entry.size_bytes

    def take_frame(self) -> list[T]:
        """What fits into one frame, at least one entry if any waits; a larger one comes alone."""
        if self.waiting_bytes <= self._frame_bytes:
            return self.take_all()
        frame: list[T] = []
        room = self._frame_bytes
        while self._turns:
            lane = self._turns[0]
            while lane.entries and lane.entries[0].size_bytes <= lane.credit_bytes:
                size = lane.entries[0].size_bytes
                if size > room and frame:
                    return self._taken(frame)
                frame.append(lane.entries.popleft())
                lane.credit_bytes -= size
                room -= size
            self._next_turn(lane)
        return self._taken(frame)

    def take_all(self) -> list[T]:
        """Everything that waits."""
        frame = [entry for lane in self._turns for entry in lane.entries]
        self._lanes.clear()
        self._turns.clear()
        self._count = self.waiting_bytes = 0
        return frame

    def _next_turn(self, lane: _Lane[T]) -> None:
        """The front lane has sent what it may. One with nothing left keeps no credit for later."""
        if lane.entries:
            self._turns.rotate(-1)
        else:
            self._turns.popleft()
            del self._lanes[lane.project_id]
        if self._turns:
            self._turns[0].credit_bytes += self._quantum_bytes

    def _taken(self, frame: list[T]) -> list[T]:
        self._count -= len(frame)
        self.waiting_bytes -= sum([entry.size_bytes for entry in frame])
        return frame

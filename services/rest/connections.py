"""The open connections of one listener, and how long each may keep us waiting.

A slow client costs a connection and some memory, never another client's time;
these bounds say how much of either. Nothing is timed on the way of a request:
once a second a look at every connection says what it waits for, and since when.
The figures are those of the edge (deploy/envoy.yaml.j2), so that both URLs answer alike.
"""

from __future__ import annotations

import asyncio
import logging
from enum import Enum, auto
from typing import Final, Protocol

import msgspec

log = logging.getLogger(__name__)

_LOOK_EVERY_S: Final = 1.0


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """What one connection may take: seconds, bytes, and how many connections there may be."""

    header_timeout_s: float = 10.0
    body_timeout_s: float = 120.0
    idle_timeout_s: float = 60.0
    keep_alive_s: float = 75.0
    """Longer than the edge keeps an idle connection to us (3 s), so that it is the one who closes."""
    max_head_bytes: int = 32 * 1024
    max_headers: int = 100
    max_connections: int = 16_384


class Stage(Enum):
    """What a connection waits for."""

    OPENING = auto()
    """The first byte of its first request."""
    HEAD = auto()
    """The rest of a request's line and headers."""
    BODY = auto()
    """The rest of a body."""
    ANSWER = auto()
    """Us."""
    READING = auto()
    """The client, to read what it was answered."""
    IDLE = auto()
    """The next request."""


class Connection(Protocol):
    """A connection as its listener's protocol knows it."""

    def stage(self) -> tuple[Stage, object, int]:
        """What it waits for, for which request, and a number that changes as bytes come or go."""

    def out_of_patience(self, stage: Stage) -> None:
        """Answers if there is still someone to answer, and ends the connection."""


class _Seen(msgspec.Struct):
    stage: Stage
    request: object
    progress: int
    since: float
    moved: float


class Connections:
    """Counts connections in and out, and ends those that waited too long."""

    def __init__(self, patience: Patience) -> None:
        self.patience = patience
        self.refused = 0
        self._seen: dict[Connection, _Seen | None] = {}

    def enter(self, connection: Connection) -> bool:
        """Whether there is room for one more; it has to `leave` either way."""
        self._seen[connection] = None
        room = len(self._seen) <= self.patience.max_connections
        self.refused += not room
        return room

    def leave(self, connection: Connection) -> None:
        """It is closed."""
        self._seen.pop(connection, None)

    def __len__(self) -> int:
        return len(self._seen)

    async def watch(self) -> None:
        """Looks at every connection, until cancelled."""
        limits = self.patience
        shortest = min(limits.header_timeout_s, limits.body_timeout_s, limits.idle_timeout_s)
        while True:
            await asyncio.sleep(min(_LOOK_EVERY_S, shortest / 4))
            self.look(asyncio.get_running_loop().time())

    def look(self, now: float) -> None:
        """Ends each connection that has waited too long at `now`, seconds of any clock."""
        for connection, before in list(self._seen.items()):
            stage, request, progress = connection.stage()
            if before is None or before.stage is not stage or before.request is not request:
                self._seen[connection] = _Seen(stage, request, progress, now, now)
                continue
            if before.progress != progress:
                before.progress, before.moved = progress, now
            if self._too_long(stage, now - before.since, now - before.moved):
                log.info("a connection ended while it waited: %s", stage.name)
                connection.out_of_patience(stage)

    def _too_long(self, stage: Stage, whole_s: float, still_s: float) -> bool:
        limits = self.patience
        if stage is Stage.ANSWER:
            return False
        if stage is Stage.IDLE:
            return whole_s > limits.keep_alive_s
        if stage in (Stage.OPENING, Stage.HEAD):
            return whole_s > limits.header_timeout_s
        return whole_s > limits.body_timeout_s or still_s > limits.idle_timeout_s

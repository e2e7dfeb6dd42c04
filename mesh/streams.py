"""Streams at the server's end: what ends them, and the hop that each frame of one is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from google.protobuf.message import Message

from mesh.errors import SankofaError, Unavailable
from mesh.guard import FrameGuard
from mesh.hop import Hop
from mesh.ledger import EdgeKey


class Streams:
    """The streams of one server. None has a natural end, so draining ends them: their callers come again."""

    def __init__(self) -> None:
        self._idle: set[asyncio.Task[Any]] = set()
        self.draining = False

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """While a stream waits for something to happen, draining may end it here."""
        task = asyncio.current_task()
        assert task is not None
        self._idle.add(task)
        if self.draining:
            task.cancel()
        try:
            yield
        except asyncio.CancelledError:
            if not self.draining:
                raise
            task.uncancel()
            raise Unavailable from None
        finally:
            self._idle.discard(task)

    def drain(self) -> None:
        """Ends the streams that wait, and each other one as soon as it does."""
        self.draining = True
        for task in self._idle:
            task.cancel()


class FrameHop:
    """The hop of one stream's frames: a frame is counted when it ends, without the requests refused in it."""

    def __init__(self, hop: Hop, key: EdgeKey, streams: Streams) -> None:
        self._hop, self._key, self._streams = hop, key, streams
        self._span = ExitStack()
        self._frame: Message | None = None
        self._guard = FrameGuard(hop.guard)
        self._refused: list[Message] = []

    async def arriving(self, frames: AsyncIterator[Message]) -> AsyncIterator[Message]:
        arriving = aiter(frames)
        while True:
            with self._streams.interruptible():
                frame = await anext(arriving, None)
            if frame is None:
                return
            self._frame, self._guard, self._refused = frame, FrameGuard(self._hop.guard), []
            self._span.enter_context(self._hop.frame_span(self._key, frame))
            yield frame

    def admit(self, item: Message) -> SankofaError | None:
        refused = self._hop.admit(self._key, item, self._guard)
        if refused is not None:
            self._refused.append(item)
        return refused

    def answered(self, response: Message) -> None:
        self._end()
        self._hop.answer(self._key, response, requests=0)

    def _end(self) -> None:
        self._span.close()
        if self._frame is not None:
            self._hop.begin(self._key, self._frame, refused=self._refused)
            self._frame = None

    def __enter__(self) -> FrameHop:
        return self

    def __exit__(self, *exc: object) -> None:
        self._end()

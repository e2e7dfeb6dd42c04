"""The Append stream: a frame in, one commit, a frame of answers out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final, Protocol

import grpc

from mesh.context import current
from mesh.errors import RateLimited, SankofaError, Unavailable
from sankofa.ingest.v1.ingest_pb2 import AppendItem, AppendRequest, AppendResponse, AppendResult
from sankofa.ingest.v1.ingest_pb2_grpc import IngestServiceServicer
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.ingest.core import Accepted, Frame, Normaliser
from storage.log import Append, Outcome

Answers = AsyncIterator[AppendResponse]
Appends = Sequence[Append]
Context = grpc.aio.ServicerContext[Any, Any]
AHEAD: Final = 1
"""Frames that are read and wait for the commit of the one before theirs."""

_LARGE = 2_000
"""Operations, some 15 ms of work: more of them in one request are read in a thread, so that others go on."""


class Appender(Protocol):
    """Makes appends durable: the log, behind its admission."""

    async def append(self, appends: Appends) -> list[Outcome]:
        """Answers each append: its place, or why it is refused."""


class IngestService(IngestServiceServicer):
    """Takes a region's events."""

    def __init__(self, *, log: Appender, normaliser: Normaliser, max_frames: int) -> None:
        self._log = log
        self._normaliser = normaliser
        self._room = asyncio.Semaphore(max_frames)
        self._max_frames = max_frames
        self._frames = 0

    async def Append(self, request_iterator: AsyncIterator[AppendRequest], context: Context) -> Answers:
        """One frame after the other, as they come; one is read while the commit of the one before runs."""
        read: asyncio.Queue[_Read | None] = asyncio.Queue()
        ahead = asyncio.Semaphore(AHEAD)
        reading = asyncio.create_task(self._read_ahead(request_iterator, read, ahead), name="frames")
        try:
            while (frame := await read.get()) is not None:
                try:
                    stored = await frame.answer()
                finally:
                    self._leave()
                ahead.release()
                yield stored
            await reading
        finally:
            reading.cancel()
            while not read.empty():
                if (frame := read.get_nowait()) is not None:
                    frame.forget()
                    self._leave()

    async def _read_ahead(
        self,
        frames: AsyncIterator[AppendRequest],
        read: asyncio.Queue[_Read | None],
        ahead: asyncio.Semaphore,
    ) -> None:
        """Reads each frame, and has it stored, as soon as it is here and may be."""
        try:
            async for frame in frames:
                await self._enter()
                try:
                    read.put_nowait(await self._stored(frame))
                except BaseException:
                    self._leave()
                    raise
                await ahead.acquire()
        finally:
            read.put_nowait(None)

    async def _enter(self) -> None:
        self._frames += 1
        try:
            await self._room.acquire()
        except BaseException:
            self._frames -= 1
            raise

    def _leave(self) -> None:
        self._frames -= 1
        self._room.release()

    def gauges(self) -> dict[str, float]:
        """For /metrics: frames that are here, and how many of them are read at once."""
        return {"ingest_frames": self._frames, "ingest_frames_bound": self._max_frames}

    async def _stored(self, frame: AppendRequest) -> _Read:
        """Guards and reads each request by itself, and lets all that passed be made durable at once."""
        admit, reader = current().admit, self._normaliser.frame()
        outcomes: list[Accepted | ErrorReason] = []
        for item in frame.items:
            refused = admit(item)
            if refused is not None:
                outcomes.append(refused.reason)
            elif len(item.operations) > _LARGE:
                outcomes.append(await asyncio.to_thread(_read, reader, item))
            else:
                outcomes.append(_read(reader, item))
        appends = [one.append for one in outcomes if isinstance(one, Accepted) and one.append]
        stored = asyncio.ensure_future(self._log.append(appends)) if appends else None
        return _Read(frame, outcomes, stored)


class _Read:
    """A frame that was read, and is being stored."""

    __slots__ = ("_frame", "_outcomes", "_stored")

    def __init__(
        self,
        frame: AppendRequest,
        outcomes: Sequence[Accepted | ErrorReason],
        stored: asyncio.Future[list[Outcome]] | None,
    ) -> None:
        self._frame, self._outcomes, self._stored = frame, outcomes, stored

    async def answer(self) -> AppendResponse:
        """What each request is answered, once all that passed is durable. Raises what the log raised."""
        stored = iter(await self._stored if self._stored is not None else ())
        return AppendResponse(
            results=[
                _result(
                    item, outcome, next(stored) if isinstance(outcome, Accepted) and outcome.append else 0
                )
                for item, outcome in zip(self._frame.items, self._outcomes, strict=True)
            ]
        )

    def forget(self) -> None:
        """Nobody is there to be answered: it is stored all the same, or not."""
        if self._stored is not None:
            self._stored.add_done_callback(lambda done: done.cancelled() or done.exception())


def _read(reader: Frame, item: AppendItem) -> Accepted | ErrorReason:
    try:
        return reader.accept(item)
    except SankofaError as error:
        return error.reason


def _result(item: AppendItem, outcome: Accepted | ErrorReason, stored: Outcome) -> AppendResult:
    """What has nothing to store is answered whatever the log said."""
    if isinstance(stored, SankofaError):
        later_s = stored.retry_after_s if isinstance(stored, Unavailable | RateLimited) else 0
        return AppendResult(request_id=item.request_id, error=stored.reason, retry_after_s=later_s)
    if not isinstance(outcome, Accepted):
        return AppendResult(request_id=item.request_id, error=outcome)
    result = AppendResult(request_id=item.request_id, events=outcome.events)
    if outcome.events != len(item.operations) or outcome.commands:
        result.people, result.aliases = outcome.people, outcome.aliases
        result.discarded = outcome.discarded
        result.commands.extend(outcome.commands)
    return result

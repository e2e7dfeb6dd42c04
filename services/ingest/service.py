"""The Append stream: a frame in, one commit, a frame of answers out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, Protocol

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
        """One frame after the other, as they come."""
        async for frame in request_iterator:
            self._frames += 1
            try:
                async with self._room:
                    stored = await self._stored(frame)
            finally:
                self._frames -= 1
            yield stored

    def gauges(self) -> dict[str, float]:
        """For /metrics: frames that are here, and how many of them are read at once."""
        return {"ingest_frames": self._frames, "ingest_frames_bound": self._max_frames}

    async def _stored(self, frame: AppendRequest) -> AppendResponse:
        """Guards and reads each request by itself, makes all that passed durable at once, then answers."""
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
        stored = iter(await self._log.append(appends) if appends else ())
        return AppendResponse(
            results=[
                _result(
                    item, outcome, next(stored) if isinstance(outcome, Accepted) and outcome.append else 0
                )
                for item, outcome in zip(frame.items, outcomes, strict=True)
            ]
        )


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

"""The Append stream: a frame in, one commit, a frame of answers out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, Protocol

import grpc

from mesh.context import current
from mesh.errors import SankofaError, Unavailable
from sankofa.ingest.v1.ingest_pb2 import AppendItem, AppendRequest, AppendResponse, AppendResult
from sankofa.ingest.v1.ingest_pb2_grpc import IngestServiceServicer
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.ingest.core import Accepted, Normaliser
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

    async def Append(self, request_iterator: AsyncIterator[AppendRequest], context: Context) -> Answers:
        """One frame after the other, as they come."""
        async for frame in request_iterator:
            async with self._room:
                stored = await self._stored(frame)
            yield stored

    async def _stored(self, frame: AppendRequest) -> AppendResponse:
        """Guards and reads each request by itself, makes all that passed durable at once, then answers."""
        admit = current().admit
        outcomes = [await self._decided(item, admit(item)) for item in frame.items]
        appends = [one.append for one in outcomes if isinstance(one, Accepted) and one.append]
        stored = iter(await self._append(appends))
        return AppendResponse(
            results=[
                _result(
                    item, outcome, next(stored) if isinstance(outcome, Accepted) and outcome.append else 0
                )
                for item, outcome in zip(frame.items, outcomes, strict=True)
            ]
        )

    async def _append(self, appends: Appends) -> list[Outcome]:
        if not appends:
            return []
        return await self._log.append(appends)

    async def _decided(self, item: AppendItem, refused: SankofaError | None) -> Accepted | ErrorReason:
        if refused is not None:
            return refused.reason
        if len(item.operations) > _LARGE:
            return await asyncio.to_thread(self._read, item)
        return self._read(item)

    def _read(self, item: AppendItem) -> Accepted | ErrorReason:
        try:
            return self._normaliser.accept(item)
        except SankofaError as error:
            return error.reason


def _result(item: AppendItem, outcome: Accepted | ErrorReason, stored: Outcome) -> AppendResult:
    """What has nothing to store is answered whatever the log said."""
    if isinstance(stored, SankofaError):
        later_s = stored.retry_after_s if isinstance(stored, Unavailable) else 0
        return AppendResult(request_id=item.request_id, error=stored.reason, retry_after_s=later_s)
    if not isinstance(outcome, Accepted):
        return AppendResult(request_id=item.request_id, error=outcome)
    return AppendResult(
        request_id=item.request_id,
        events=outcome.events,
        people=outcome.people,
        aliases=outcome.aliases,
        discarded=outcome.discarded,
        commands=outcome.commands,
    )

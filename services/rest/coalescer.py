"""One long Append stream to the cell: what waits while frames are on their way is the next frame.

Two are on their way at most: the cell reads one while it commits the other, and answers them in turn.

Where more waits than a frame holds, every project has its turn (fairness.py). How much may wait is decided at
the door (admission.py).

A request is never sent twice: one that was on the wire when its stream broke
may be stored or not, so its client is told 503 and decides (with event ids a
retry is harmless).
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, Protocol

import grpc
import msgspec

from mesh.errors import CrossingRefused, SankofaError, Unavailable
from sankofa.ingest.v1.ingest_pb2 import AppendItem, AppendRequest, AppendResponse, AppendResult
from sankofa.ingest.v1.ingest_pb2_grpc import IngestServiceStub
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.rest.fairness import FairQueue
from services.rest.ingestion import Answerer

log = logging.getLogger(__name__)

FIRST_BACKOFF_S: Final = 0.05
LAST_BACKOFF_S: Final = 1.0
MOST_FLIGHTS: Final = 2
"""The cell reads one frame ahead: a third would only wait there instead of here."""


class FrameStream(Protocol):
    """What Append() of a guarded channel gives (mesh.client.FrameStream)."""

    async def write(self, frame: AppendRequest) -> None:
        """Sends a frame. Raises CrossingRefused, and sends nothing, where an item belongs elsewhere."""

    async def read(self) -> Any:
        """The next AppendResponse; grpc.aio.EOF at the end."""

    def cancel(self) -> Any:
        """Ends the stream at once."""


class _Waiting(msgspec.Struct):
    item: AppendItem
    size_bytes: int
    answerer: Answerer


class _Awaited:
    """An answerer for one who awaits it."""

    __slots__ = ("answer",)

    def __init__(self) -> None:
        self.answer: asyncio.Future[AppendResult] = asyncio.get_running_loop().create_future()

    @property
    def gone(self) -> bool:
        return self.answer.done()

    def settle(self, outcome: AppendResult | SankofaError) -> None:
        if self.answer.done():
            return
        if isinstance(outcome, SankofaError):
            self.answer.set_exception(outcome)
        else:
            self.answer.set_result(outcome)


class _Flight(msgspec.Struct):
    """A frame on its way: who waits for its answer, by request, and when that was due."""

    answerers: dict[int, Answerer]
    due_s: float


class Coalescer:
    """Sends requests to the cell in frames, and gives each its own answer."""

    def __init__(
        self,
        *,
        channel: grpc.aio.Channel,
        max_frame_bytes: int,
        timeout_s: float,
    ) -> None:
        self._channel = channel
        self._stub = IngestServiceStub(channel)
        self._timeout_s = timeout_s
        self._ids = itertools.count(1)
        self._waiting = FairQueue[_Waiting](frame_bytes=max_frame_bytes)
        self._alone: deque[_Waiting] = deque()
        self._flights: deque[_Flight] = deque()
        self._closed = self._answered = False
        self._wake = asyncio.Event()

    @property
    def connected(self) -> bool:
        """Whether the cell can be reached; asks for a connection where there is none."""
        return self._channel.get_state(try_to_connect=True) is grpc.ChannelConnectivity.READY

    def gauges(self) -> dict[str, float]:
        """What waits for the next frame, and what is in those under way."""
        return {
            "rest_waiting_requests": len(self._waiting) + len(self._alone),
            "rest_waiting_bytes": self._waiting.waiting_bytes,
            "rest_unanswered_requests": sum(len(flight.answerers) for flight in self._flights),
        }

    def submit(self, item: AppendItem, *, size_bytes: int, answerer: Answerer) -> None:
        """Makes a request durable; settles it with Unavailable where the stream breaks or the shim stops."""
        if self._closed:
            answerer.settle(Unavailable())
            return
        item.request_id = next(self._ids)
        self._waiting.put(item.project_id, _Waiting(item, size_bytes, answerer))
        self._wake.set()

    async def append(self, item: AppendItem, *, size_bytes: int) -> AppendResult:
        """Waits for that. Raises Unavailable."""
        awaited = _Awaited()
        self.submit(item, size_bytes=size_bytes, answerer=awaited)
        return await awaited.answer

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Coalescer]:
        """Keeps a stream open for as long as the context is; what still waits at its end gets 503."""
        task = asyncio.create_task(self._run(), name="coalescer")
        try:
            yield self
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _run(self) -> None:
        backoff_s = FIRST_BACKOFF_S
        try:
            while True:
                if await self._attempt():
                    backoff_s = FIRST_BACKOFF_S
                await asyncio.sleep(backoff_s)
                backoff_s = min(backoff_s * 2, LAST_BACKOFF_S)
        finally:
            self._closed = True
            self._fail_all(Unavailable())

    async def _attempt(self) -> bool:
        """One stream from its opening to its end. A defect costs its requests, never the stream after it."""
        try:
            return await self._converse(self._stub.Append())
        except Exception:
            log.exception("append stream failed")
            self._fail_all(Unavailable())
            return False

    async def _converse(self, stream: FrameStream) -> bool:
        """Uses one stream until it breaks; says whether it ever answered. All that waits then gets 503."""
        self._answered = False
        reader = asyncio.create_task(self._read(stream))
        reader.add_done_callback(lambda _: self._wake.set())
        failure: SankofaError = Unavailable()
        try:
            while not reader.done():
                self._wake.clear()
                if self._may_send():
                    await self._send(stream, self._next_frame())
                else:
                    await self._news()
        except SankofaError as error:
            failure = error
        except TimeoutError:
            failure = Unavailable(ErrorReason.ERROR_REASON_DEADLINE_EXCEEDED)
        finally:
            stream.cancel()
            reader.cancel()
        unanswered = sum(len(flight.answerers) for flight in self._flights)
        log.warning("append stream ended: %s; %d requests on it", failure, unanswered)
        self._fail_all(failure)
        return self._answered

    def _may_send(self) -> bool:
        """A second frame waits until it is worth a commit: as much as half of the one before it."""
        waiting = len(self._waiting) + len(self._alone)
        if not waiting or len(self._flights) >= MOST_FLIGHTS:
            return False
        return not self._flights or 2 * waiting >= len(self._flights[-1].answerers)

    async def _news(self) -> None:
        """Waits for a request, an answer or the end. Raises TimeoutError when the oldest flight was due."""
        due_s = self._flights[0].due_s if self._flights else None
        async with asyncio.timeout_at(due_s):
            await self._wake.wait()

    async def _read(self, stream: FrameStream) -> None:
        """Hands out answers until the stream ends, however it ends: the writer sees that it is done."""
        with suppress(SankofaError, grpc.RpcError):
            while isinstance(response := await stream.read(), AppendResponse) and self._flights:
                answerers = self._flights.popleft().answerers
                self._answered = True
                self._wake.set()
                for result in response.results:
                    answerer = answerers.pop(result.request_id, None)
                    if answerer is not None:
                        answerer.settle(result)
                for answerer in answerers.values():  # the cell forgot it: nobody knows
                    answerer.settle(Unavailable())

    async def _send(self, stream: FrameStream, frame: list[_Waiting]) -> None:
        if not frame:
            return
        answerers = {waiting.item.request_id: waiting.answerer for waiting in frame}
        flight = _Flight(answerers, asyncio.get_running_loop().time() + self._timeout_s)
        self._flights.append(flight)
        try:
            async with asyncio.timeout_at(flight.due_s):
                await stream.write(AppendRequest(items=[waiting.item for waiting in frame]))
        except CrossingRefused as refused:
            self._flights.remove(flight)
            self._refuse(frame, refused)

    def _refuse(self, frame: list[_Waiting], refused: CrossingRefused) -> None:
        """The guard refused the frame, unsent, for one of its requests: each goes again, by itself."""
        if len(frame) == 1:
            frame[0].answerer.settle(refused)
            return
        self._alone.extend(frame)

    def _next_frame(self) -> list[_Waiting]:
        """What goes next; nobody waits for a cancelled one."""
        frame = [self._alone.popleft()] if self._alone else self._waiting.take_frame()
        wanted = [waiting for waiting in frame if not waiting.answerer.gone]
        if len(wanted) < len(frame):
            for waiting in frame:
                if waiting.answerer.gone:
                    waiting.answerer.settle(Unavailable())
        return wanted

    def _fail_all(self, error: SankofaError) -> None:
        left = [*self._alone, *self._waiting.take_all()]
        answerers = [one for flight in self._flights for one in flight.answerers.values()]
        answerers += [waiting.answerer for waiting in left]
        self._flights.clear()
        self._alone.clear()
        for answerer in answerers:
            answerer.settle(Unavailable(error.reason) if isinstance(error, Unavailable) else Unavailable())

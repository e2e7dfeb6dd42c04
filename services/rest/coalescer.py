"""One long Append stream to the cell: everything that waits while a frame is committed is the next frame.

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
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any, Final, Protocol

import grpc
import msgspec

from mesh.errors import CrossingRefused, SankofaError, Unavailable
from mesh.tasks import background
from sankofa.ingest.v1.ingest_pb2 import AppendItem, AppendRequest, AppendResponse, AppendResult
from sankofa.ingest.v1.ingest_pb2_grpc import IngestServiceStub
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.rest.fairness import FairQueue
from services.rest.ingestion import Answerer

log = logging.getLogger(__name__)

FIRST_BACKOFF_S: Final = 0.05
LAST_BACKOFF_S: Final = 1.0


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


class Coalescer:
    """Sends requests to the cell in frames, one frame in flight, and gives each its own answer."""

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
        self._sent: dict[int, Answerer] = {}
        self._closed = False
        self._wake = asyncio.Event()
        self._acked = asyncio.Event()

    @property
    def connected(self) -> bool:
        """Whether the cell can be reached; asks for a connection where there is none."""
        return self._channel.get_state(try_to_connect=True) is grpc.ChannelConnectivity.READY

    def gauges(self) -> dict[str, float]:
        """What waits for the next frame, and what is in the frame under way."""
        return {
            "rest_waiting_requests": len(self._waiting) + len(self._alone),
            "rest_waiting_bytes": self._waiting.waiting_bytes,
            "rest_unanswered_requests": len(self._sent),
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
        async with AsyncExitStack() as stack:
            background(self._run(), name="coalescer", stack=stack)
            yield self

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
        reader = asyncio.create_task(self._read(stream))
        reader.add_done_callback(self._on_reader_done)
        failure: SankofaError = Unavailable()
        answered = False
        try:
            while not reader.done():
                if self._alone or self._waiting:
                    await self._exchange(stream, self._next_frame())
                    answered = answered or not self._sent
                else:
                    self._wake.clear()
                    await self._wake.wait()
        except SankofaError as error:
            failure = error
        except TimeoutError:
            failure = Unavailable(ErrorReason.ERROR_REASON_DEADLINE_EXCEEDED)
        finally:
            stream.cancel()
            reader.cancel()
        log.warning("append stream ended: %s; %d requests on it", failure, len(self._sent))
        self._fail_all(failure)
        return answered

    def _on_reader_done(self, _: asyncio.Task[None]) -> None:
        self._wake.set()
        self._acked.set()

    async def _read(self, stream: FrameStream) -> None:
        """Hands out answers until the stream ends, however it ends: the writer sees that it is done."""
        with suppress(SankofaError, grpc.RpcError):
            while isinstance(response := await stream.read(), AppendResponse):
                for result in response.results:
                    answerer = self._sent.pop(result.request_id, None)
                    if answerer is not None:
                        answerer.settle(result)
                if not self._sent:
                    self._acked.set()

    async def _exchange(self, stream: FrameStream, frame: list[_Waiting]) -> None:
        """Sends a frame and waits for all its answers."""
        if not frame:
            return
        self._acked.clear()
        self._sent = {waiting.item.request_id: waiting.answerer for waiting in frame}
        try:
            await stream.write(AppendRequest(items=[waiting.item for waiting in frame]))
        except CrossingRefused as refused:
            self._sent = {}
            self._refuse(frame, refused)
            return
        async with asyncio.timeout(self._timeout_s):
            await self._acked.wait()

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
        answerers = [*self._sent.values(), *(waiting.answerer for waiting in left)]
        self._sent = {}
        self._alone.clear()
        for answerer in answerers:
            answerer.settle(Unavailable(error.reason) if isinstance(error, Unavailable) else Unavailable())

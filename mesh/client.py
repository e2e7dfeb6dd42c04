"""A channel that refuses: every call goes through the client's hop before a byte leaves.

A wrapper of the channel and not a chain of interceptors: it costs one function
call, works for unary calls and streams alike, and leaves no unguarded way in.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc
from google.protobuf.message import Message
from grpc.aio import EOF  # type: ignore[attr-defined]
from grpc_status import rpc_status

from mesh.context import origin
from mesh.errors import SankofaError, from_rpc_error
from mesh.hop import Hop
from mesh.ledger import EdgeKey
from mesh.planes import plane_of, requests_in
from mesh.telemetry import inject

Metadata = Sequence[tuple[str, str]]
ALLOWED_METADATA = frozenset({"authorization", "traceparent"})
"""What a caller may add. Where the request came from (mesh.context.Origin) goes along by itself."""

DEFAULT_TIMEOUT_S = 10.0


class GuardedChannel(grpc.aio.Channel):
    """Stubs work over it as over any channel. Calls raise SankofaError, never grpc.RpcError."""

    def __init__(self, inner: grpc.aio.Channel, hop: Hop) -> None:
        self._inner = inner
        self._hop = hop

    def unary_unary(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """A guarded unary call: `await call(request, timeout=, metadata=)`."""
        return _Unary(self._hop, method, self._inner.unary_unary(method, *args, **kwargs))

    def unary_stream(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """A guarded server stream: `async for response in call(request, metadata=)`."""
        return _ServerStream(self._hop, method, self._inner.unary_stream(method, *args, **kwargs))

    def stream_stream(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """A guarded stream of frames: `call()` gives a FrameStream."""
        inner = self._inner.stream_stream(method, *args, **kwargs)
        return lambda **options: FrameStream(self._hop, method, inner, **options)

    def stream_unary(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """No contract of the mesh has one."""
        raise TypeError(f"{method}: client streams are not used in this mesh")

    async def __aenter__(self) -> GuardedChannel:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def close(self, grace: float | None = None) -> None:
        """Ends calls in flight after `grace` seconds."""
        await self._inner.close(grace)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        """As the channel beneath."""
        return self._inner.get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        """As the channel beneath."""
        await self._inner.wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        """As the channel beneath."""
        await self._inner.channel_ready()


class _Unary:
    def __init__(self, hop: Hop, method: str, inner: Any) -> None:
        self._hop, self._method, self._inner = hop, method, inner

    async def __call__(
        self, request: Message, *, timeout: float = DEFAULT_TIMEOUT_S, metadata: Metadata = ()
    ) -> Message:
        key = self._hop.decide(self._method, request)
        with self._hop.span(key, None) as span:
            self._hop.begin(key, request)
            sent = _metadata(self._method, metadata, inject(span.get_span_context()))
            try:
                response: Message = await self._inner(request, timeout=timeout, metadata=sent)
            except grpc.RpcError as error:
                raise _rebuilt(self._hop, key, error) from None
            self._hop.answer(key, response, requests=1)
            return response


class _ServerStream:
    def __init__(self, hop: Hop, method: str, inner: Any) -> None:
        self._hop, self._method, self._inner = hop, method, inner

    async def __call__(self, request: Message, *, metadata: Metadata = ()) -> AsyncIterator[Message]:
        key = self._hop.decide(self._method, request)
        with self._hop.span(key, None) as span:
            self._hop.begin(key, request)
            sent = _metadata(self._method, metadata, inject(span.get_span_context()))
        unanswered = 1
        call = self._inner(request, metadata=sent)
        try:
            async for response in call:
                self._hop.answer(key, response, requests=unanswered)
                unanswered = 0
                yield response
        except grpc.RpcError as error:
            raise _rebuilt(self._hop, key, error, requests=unanswered) from None
        finally:
            call.cancel()


class FrameStream:
    """One long stream. Every item of a frame is guarded before the frame leaves."""

    def __init__(self, hop: Hop, method: str, inner: Any, *, metadata: Metadata = ()) -> None:
        self._hop = hop
        self._key = hop.decide(method, None)
        self._call = inner(metadata=_metadata(method, metadata, ""))

    async def write(self, frame: Message) -> None:
        """Sends a frame. Raises CrossingRefused, and sends nothing, where an item belongs elsewhere."""
        self._hop.admit_all(self._key, frame)
        with self._hop.frame_span(self._key, frame):
            self._hop.begin(self._key, frame)
            try:
                await self._call.write(frame)
            except (grpc.RpcError, grpc.aio.UsageError) as error:
                raise _stream_error(error) from None

    async def read(self) -> Any:
        """The next answer; grpc.aio.EOF at the end."""
        try:
            response = await self._call.read()
        except (grpc.RpcError, grpc.aio.UsageError) as error:
            raise _stream_error(error) from None
        if response is not EOF:
            self._hop.answer(self._key, response, requests=_results_in(response))
        return response

    async def done_writing(self) -> None:
        """Says that no frame follows."""
        await self._call.done_writing()

    def cancel(self) -> None:
        """Ends the stream at once."""
        self._call.cancel()


def _results_in(response: Message) -> int:
    results = getattr(response, "results", None)
    return requests_in(response) if results is None else len(results)


def _stream_error(error: Exception) -> SankofaError:
    return from_rpc_error(error) if isinstance(error, grpc.RpcError) else from_rpc_error(grpc.RpcError())


def _rebuilt(hop: Hop, key: EdgeKey, error: Any, *, requests: int = 1) -> SankofaError:
    if rpc_status.from_call(error) is not None:
        hop.ledger.answer(key, requests=requests)
    return from_rpc_error(error)


def _metadata(method: str, metadata: Metadata, traceparent: str) -> list[tuple[str, str]]:
    for name, _ in metadata:
        if name not in ALLOWED_METADATA:
            raise ValueError(f"metadata key {name!r} is not on the allow-list {sorted(ALLOWED_METADATA)}")
    sent = [(name, value) for name, value in metadata if name != "traceparent"]
    sent += origin().metadata(plane_of(method))
    return [*sent, ("traceparent", traceparent)] if traceparent else sent

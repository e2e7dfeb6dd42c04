"""A channel that follows organisations: one that moves is waited for, one that has moved is found."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

from google.protobuf.message import Message

from mesh.client import DEFAULT_TIMEOUT_S, GuardedChannel, Metadata
from mesh.errors import SankofaError
from mesh.planes import subject_of
from sankofa.residency.v1.error_pb2 import ErrorReason
from sankofa.residency.v1.options_pb2 import SUBJECT_ORG

FENCED_S: Final = 5.0
"""How long a change waits for an organisation that can't be changed: its client may decide to come later."""

FIRST_POLL_S: Final = 0.05
LAST_POLL_S: Final = 0.8

_MOVED: Final = (ErrorReason.ERROR_REASON_ORG_MOVED, ErrorReason.ERROR_REASON_ACCOUNT_MOVED)

PrimaryOf = Callable[[str], Awaitable[GuardedChannel]]
"""The channel to an organisation's primary region as it is known now."""


class Waits:
    """How long one call is made again. It asks less and less often: who knows may count the questions."""

    def __init__(self, timeout_s: float, *, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._clock_s = clock_s
        self._began_s = self._clock_s()
        self._timeout_s = timeout_s
        self._poll_s = FIRST_POLL_S

    @property
    def left_s(self) -> float:
        """Seconds until the deadline."""
        return self._began_s + self._timeout_s - self._clock_s()

    async def for_(self, error: SankofaError) -> bool:
        """Waits a moment, where there is time; False where the refusal is the answer."""
        fenced = error.reason == ErrorReason.ERROR_REASON_ORG_MOVING
        if not fenced and error.reason not in _MOVED:
            return False
        longest_s = min(FENCED_S, self._timeout_s) if fenced else self._timeout_s
        if self._timeout_s - self.left_s + self._poll_s >= longest_s:
            return False
        await asyncio.sleep(self._poll_s)
        self._poll_s = min(self._poll_s * 2, LAST_POLL_S)
        return True


class FollowingChannel:
    """Stubs work over it as over the channel that it begins with."""

    def __init__(self, channel: GuardedChannel, primary_of: PrimaryOf) -> None:
        self._channel = channel
        self._primary_of = primary_of

    def unary_unary(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """A guarded unary call, made again while its organisation is on its way, within the call's deadline.

        What is refused so was not done, here or anywhere: a read as well as a change may be made again.
        """
        first = self._channel.unary_unary(method, *args, **kwargs)

        async def call(
            request: Message, *, timeout: float = DEFAULT_TIMEOUT_S, metadata: Metadata = ()
        ) -> Message:
            named, make = subject_of(request), first
            waits = Waits(timeout)
            while True:
                try:
                    answer: Message = await make(request, timeout=waits.left_s, metadata=metadata)
                    return answer
                except SankofaError as error:
                    if named is None or named.subject != SUBJECT_ORG or not await waits.for_(error):
                        raise
                there = await self._primary_of(named.value)
                make = there.unary_unary(method, *args, **kwargs)

        return call

    def unary_stream(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """As the channel beneath: a stream that has begun is not begun again."""
        return self._channel.unary_stream(method, *args, **kwargs)

    def stream_unary(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """As the channel beneath."""
        return self._channel.stream_unary(method, *args, **kwargs)

    def stream_stream(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """As the channel beneath."""
        return self._channel.stream_stream(method, *args, **kwargs)

"""A channel that follows organisations: one that moves is waited for, one that has moved is found."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from google.protobuf.message import Message

from mesh.client import DEFAULT_TIMEOUT_S, GuardedChannel, Metadata
from mesh.errors import SankofaError
from mesh.planes import subject_of
from sankofa.residency.v1.error_pb2 import ErrorReason
from sankofa.residency.v1.options_pb2 import SUBJECT_ORG

FOLLOW_S: Final = 5.0
POLL_S: Final = 0.05
_ON_ITS_WAY: Final = (ErrorReason.ERROR_REASON_ORG_MOVING, ErrorReason.ERROR_REASON_ORG_MOVED)
"""Refusals of a call of which nothing was done: it may be made again, there or elsewhere."""

PrimaryOf = Callable[[str], Awaitable[GuardedChannel]]
"""The channel to an organisation's primary region as it is known now."""


class FollowingChannel:
    """Stubs work over it as over the channel that it begins with."""

    def __init__(self, channel: GuardedChannel, primary_of: PrimaryOf) -> None:
        self._channel = channel
        self._primary_of = primary_of

    def unary_unary(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """A guarded unary call, made again for a few seconds while its organisation is on its way."""
        first = self._channel.unary_unary(method, *args, **kwargs)

        async def call(
            request: Message, *, timeout: float = DEFAULT_TIMEOUT_S, metadata: Metadata = ()
        ) -> Message:
            named, make = subject_of(request), first
            deadline = asyncio.get_running_loop().time() + FOLLOW_S
            while True:
                try:
                    answer: Message = await make(request, timeout=timeout, metadata=metadata)
                    return answer
                except SankofaError as error:
                    late = asyncio.get_running_loop().time() >= deadline
                    if (
                        named is None
                        or named.subject != SUBJECT_ORG
                        or error.reason not in _ON_ITS_WAY
                        or late
                    ):
                        raise
                await asyncio.sleep(POLL_S)
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

"""Idempotency keys of the last day, beside the rows: written by the commit that stores these.

They share the log's bound, and are never drained: so the oldest go early where they take more than their
part. A retry after that is stored once all the same, since the ids of its rows are derived; only its 409 is
lost.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Final

from storage.log import Append, Once
from storage.log.jetstream_connection import Lost
from storage.log.jetstream_frames import Kept, kept_of, kept_value
from storage.log.jetstream_link import Link, Message
from storage.log.jetstream_server import Streams

KEYS_A_COMMIT: Final = 500
"""The server takes 1,000 messages in one atomic batch; the pieces of the rows are among them."""

_REMEMBERED_MS: Final = timedelta(hours=24) // timedelta(milliseconds=1)
_SHARE: Final = 0.25
_BYTES_A_KEY: Final = 512


class OnceKeys:
    """Of one log."""

    def __init__(self, *, link: Link, streams: Streams, bound_bytes: int) -> None:
        self._link, self._streams = link, streams
        self._most = max(KEYS_A_COMMIT, int(bound_bytes * _SHARE) // _BYTES_A_KEY)
        self._new = 0

    async def kept(self, appends: Iterable[Append], now_ms: int) -> dict[bytes, Kept]:
        """Of the keys of appends those that count still, by the stream's leader."""
        names = {append.once.key for append in appends if append.once is not None}
        rows = self._streams.rows
        found = await asyncio.gather(*[self._link.last(rows, self._subject(name)) for name in names])
        kept = {name: kept_of(one.data) for name, one in zip(names, found, strict=True) if one is not None}
        return {name: one for name, one in kept.items() if one.end_ms > now_ms}

    def new(self, once: Once, seq: int, now_ms: int) -> tuple[Kept, Message]:
        """A key that is used from now on, and its message."""
        kept = Kept(once.digest, seq, now_ms + _REMEMBERED_MS)
        return kept, _message(self._subject(once.key), kept, now_ms)

    async def forget(self, new: int) -> None:
        """Drops the oldest beyond their part, after `new` more were stored: now and then, many at once."""
        self._new += new
        if self._new * 10 >= self._most:
            self._new = 0
            with contextlib.suppress(Lost):
                await self._link.delete(self._streams.rows, self._streams.subject("once", "*"), self._most)

    def _subject(self, name: bytes) -> str:
        return self._streams.subject("once", name.hex())


def again(keys: Iterable[Message], now_ms: int) -> list[Message]:
    """The messages of keys for the time that each has left."""
    kept = [(key.subject, kept_of(key.data)) for key in keys]
    return [_message(subject, one, now_ms) for subject, one in kept if one.end_ms > now_ms + 1000]


def with_few_keys(appends: Sequence[Append]) -> Iterator[list[Append]]:
    """The appends in as many lists as it takes for none to have too many keys."""
    some, keys = list[Append](), 0
    for append in appends:
        if append.once is not None and keys == KEYS_A_COMMIT:
            yield some
            some, keys = [], 0
        some.append(append)
        keys += append.once is not None
    if some:
        yield some


def _message(subject: str, kept: Kept, now_ms: int) -> Message:
    """The server drops it when its time is over; `end_ms` decides."""
    return Message(subject, kept_value(kept), {"Nats-TTL": f"{-(-(kept.end_ms - now_ms) // 1000)}s"})

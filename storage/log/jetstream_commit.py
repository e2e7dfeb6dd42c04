"""Commits to a JetStream stream: each stored whole, once, and known to be or refused.

A commit names the place in the stream that it follows (Nats-Expected-Last-Sequence), its owner and its
number. When no answer comes it is sent again: at most one of the two follows that place. What has taken the
place tells the rest: this commit (it is stored), an earlier one of this owner (number it anew), or another
owner's (this process was replaced). Deduplication by Nats-Msg-Id would forget after its window.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import Final, NamedTuple

from mesh.errors import SankofaError
from storage.log import Append, KeyReused, LogFailed, LogFull, Once, Outcome, Rows
from storage.log.codec import key_of, seq_of, size_of
from storage.log.jetstream_connection import Lost
from storage.log.jetstream_frames import HEAD_BYTES, Kept, kept_of, kept_value, piece_of, pieces_of, zeros_of
from storage.log.jetstream_link import Link, Message, WrongLast
from storage.log.jetstream_places import Places
from storage.log.jetstream_server import Streams

OWNER: Final = "Sankofa-Owner"
FOLLOWS: Final = "Nats-Expected-Last-Sequence"
REMEMBERED: Final = timedelta(hours=24)

PATIENCE_S: Final = 10.0
"""How long a commit is tried; what is unknown then is answered LogFailed, and may yet be stored."""

_NUMBER: Final = "Sankofa-Commit"
_PIECE_BYTES: Final = 4 << 20
_HEADER_BYTES: Final = 4 << 10
_MESSAGE_OVERHEAD: Final = 256
_KEYS_A_COMMIT: Final = 500
"""The server takes 1,000 messages in one atomic batch; the pieces of the rows are among them."""

_KEYS: Final = 0.25
"""Part of the bound that idempotency keys may take: they are never drained. Beyond it the oldest go early;
a retry after that is stored once all the same, since the ids of its rows are derived."""

_BYTES_A_KEY: Final = 512

_PAUSE_S: Final = 0.05


class _Plan(NamedTuple):
    outcomes: list[Outcome]
    messages: list[Message]
    last: int
    keys: int


class Commits:
    """Numbers rows and stores them. All threads may read `last` and `used_bytes`; `grown` tells of more."""

    def __init__(
        self, *, link: Link, streams: Streams, bound_bytes: int, last: int, now_ms: Callable[[], int]
    ) -> None:
        self.owner = secrets.token_hex(8)
        self.last = last
        self.used_bytes = 0
        self.grown = threading.Condition()
        self._link, self._streams, self._bound_bytes = link, streams, bound_bytes
        self._now_ms = now_ms
        payload = int(link.server["max_payload"])
        self._piece_bytes = min(_PIECE_BYTES, payload - _HEADER_BYTES) - HEAD_BYTES
        self.places = Places()
        self.opened_at = 0
        self._at = 0
        self._number = 0
        self._one_at_a_time = asyncio.Lock()
        self._most_keys = max(_KEYS_A_COMMIT, int(bound_bytes * _KEYS) // _BYTES_A_KEY)
        self._new_keys = 0
        self._unsure = False
        self._replaced = False

    async def take_over(self) -> None:
        """Becomes the log's owner by a commit without rows. What a former owner has under way is refused."""
        while True:
            state = await self._link.state(self._streams.rows)
            newest = await self._link.last(self._streams.rows, self._streams.subject("rows"))
            if newest is not None:
                self.last = max(self.last, piece_of(newest.data).last)
            self._at, self.used_bytes = int(state["last_seq"]), int(state["bytes"])
            try:
                self._at = self.opened_at = await self._link.publish(self._rows([]), FOLLOWS, self._at)
                return
            except WrongLast:
                continue

    def store(self, appends: list[Append]) -> list[Outcome]:
        """One commit, a few where there are many keys. Raises LogFailed where none is known to be stored."""
        outcomes: list[Outcome] = []
        for some in _with_few_keys(appends):
            try:
                outcomes += self._link.wait(self._store(some), PATIENCE_S)
            except (Lost, LogFailed) as error:
                failed = error if isinstance(error, LogFailed) else LogFailed(detail="NATS does not answer")
                if not outcomes:
                    raise failed from None
                outcomes += [failed] * (len(appends) - len(outcomes))
                break
        return outcomes

    async def replay(self, parts: Sequence[Rows], mark: str) -> int:
        """One append that leaves a mark, the subject of a message beside its rows; its seq. Raises LogFull.

        Where the mark is there already, by an attempt that got no answer, nothing is stored again.
        """
        if (left := await self._link.last(self._streams.rows, mark)) is not None:
            return seq_of(left.data)
        (outcome,) = await self._store([Append(parts)], mark)
        if isinstance(outcome, SankofaError):
            raise outcome
        return outcome

    async def roll(self, file_bytes: int) -> int:
        """Begins a new file of the stream with a commit of zeros; the last row before. Raises LogFull."""
        async with self._one_at_a_time:
            zeros = zeros_of(self.last, file_bytes, self._piece_bytes)
            await self._put([self._message(self._streams.subject("rows"), body) for body in zeros])
            self.places.add(self.last, self._at, file_bytes)
            return self.last

    async def copy_keys(self, keys: Sequence[Message]) -> None:
        """Writes keys again, for the time that each has left."""
        now_ms = self._now_ms()
        async with self._one_at_a_time:
            alive = [key for key in keys if kept_of(key.data).end_ms > now_ms + 1000]
            if alive:
                await self._put([self._key(key.subject, kept_of(key.data), now_ms) for key in alive])

    async def _put(self, messages: list[Message]) -> None:
        """What has no number of its own to lose: once it is there. Raises LogFailed where it was replaced."""
        while True:
            await self._ready()
            self._number += 1
            numbered = [one._replace(headers={**one.headers, _NUMBER: str(self._number)}) for one in messages]
            if await self._stored(numbered):
                return

    async def _ready(self) -> None:
        if self._unsure and not self._replaced:
            await self._look_where_it_ends()
        if self._replaced:
            raise LogFailed(detail="another process has opened this log")

    async def _store(self, appends: Sequence[Append], mark: str = "") -> list[Outcome]:
        async with self._one_at_a_time:
            while True:
                await self._ready()
                plan = await self._plan(appends, mark)
                if not plan.messages:
                    return plan.outcomes
                try:
                    if await self._stored(plan.messages):
                        break
                except LogFull:
                    planned = range(self.last + 1, plan.last + 1)
                    return [LogFull() if place in planned else place for place in plan.outcomes]
            self._grow(plan)
            await self._forget_keys(plan)
            return plan.outcomes

    async def _stored(self, messages: list[Message]) -> bool:
        """Sends them until it is known what became of them; False where they have to be numbered anew."""
        self._unsure = True
        while True:
            try:
                await self._link.publish(messages, FOLLOWS, self._at)
            except Lost:
                await asyncio.sleep(_PAUSE_S)
                continue
            except WrongLast:
                taken = await self._link.at(self._streams.rows, self._at + 1)
                if taken is None or taken.headers.get(OWNER) != self.owner:
                    self._replaced = True
                    return False
                if taken.headers.get(_NUMBER) != messages[0].headers[_NUMBER]:
                    return False
            self._at += len(messages)
            self._unsure = False
            return True

    async def _look_where_it_ends(self) -> None:
        """After a commit that nobody knows of: rows of it may be there."""
        state = await self._link.state(self._streams.rows)
        ends, newest = int(state["last_seq"]), await self._link.at(self._streams.rows, int(state["last_seq"]))
        if ends != self._at:
            if newest is None or newest.headers.get(OWNER) != self.owner:
                self._replaced = True
                return
            rows = await self._link.last(self._streams.rows, self._streams.subject("rows"))
            self._at, self.last = ends, max(self.last, piece_of(rows.data).last if rows else 0)
            self.places.add(self.last, self._at, 0)
        self._unsure = False

    async def _plan(self, appends: Sequence[Append], mark: str) -> _Plan:
        """What to store and what to answer, as the stream is at this place."""
        now_ms, room, seq = self._now_ms(), self._bound_bytes - self.used_bytes, self.last + 1
        kept = await self._kept([append.once for append in appends if append.once is not None])
        outcomes, stored, keys = list[Outcome](), list[Append](), list[Message]()
        for append in appends:
            once = append.once
            if once is not None and (seen := kept.get(once.key)) is not None and seen.end_ms > now_ms:
                outcomes.append(seen.seq if seen.digest == once.digest else KeyReused())
                continue
            size = size_of(append.parts) + _MESSAGE_OVERHEAD * (2 if once is not None else 1)
            if size > room:
                outcomes.append(LogFull())
                continue
            room -= size
            if once is not None:
                kept[once.key] = Kept(once.digest, seq, now_ms + REMEMBERED // timedelta(milliseconds=1))
                keys.append(self._key(self._streams.subject("once", once.key.hex()), kept[once.key], now_ms))
            outcomes.append(seq)
            stored.append(append)
            seq += sum([len(part.rows) for part in append.parts])
        self._number += 1
        marks = [self._message(mark, key_of(self.last + 1))] if mark else []
        messages = [*self._rows(stored), *keys, *marks] if stored else []
        return _Plan(outcomes, messages, seq - 1, len(keys))

    async def _kept(self, keys: Sequence[Once]) -> dict[bytes, Kept]:
        names = {once.key for once in keys}
        rows, subject = self._streams.rows, self._streams.subject
        found = await asyncio.gather(*[self._link.last(rows, subject("once", key.hex())) for key in names])
        return {key: kept_of(message.data) for key, message in zip(names, found, strict=True) if message}

    def _rows(self, appends: Sequence[Append]) -> list[Message]:
        pieces = pieces_of(self.last + 1, appends, self._piece_bytes)
        return [self._message(self._streams.subject("rows"), piece) for piece in pieces]

    def _key(self, subject: str, kept: Kept, now_ms: int) -> Message:
        """The server drops it when its time is over; `end_ms` decides."""
        return self._message(
            subject, kept_value(kept), {"Nats-TTL": f"{-(-(kept.end_ms - now_ms) // 1000)}s"}
        )

    def _message(
        self, subject: str, body: bytes, headers: Mapping[str, str] = MappingProxyType({})
    ) -> Message:
        return Message(subject, body, {OWNER: self.owner, _NUMBER: str(self._number), **headers})

    async def _forget_keys(self, plan: _Plan) -> None:
        self._new_keys += plan.keys
        if self._new_keys * 10 >= self._most_keys:
            self._new_keys = 0
            with contextlib.suppress(Lost):
                await self._link.delete(
                    self._streams.rows, self._streams.subject("once", "*"), self._most_keys
                )

    def _grow(self, plan: _Plan) -> None:
        size = sum([len(message.data) + _MESSAGE_OVERHEAD for message in plan.messages])
        self.used_bytes += size
        self.places.add(plan.last, self._at, size)
        with self.grown:
            self.last = plan.last
            self.grown.notify_all()


def _with_few_keys(appends: Sequence[Append]) -> Iterator[list[Append]]:
    some, keys = list[Append](), 0
    for append in appends:
        if append.once is not None and keys == _KEYS_A_COMMIT:
            yield some
            some, keys = [], 0
        some.append(append)
        keys += append.once is not None
    if some:
        yield some

"""Commits to a JetStream stream: each stored whole, once, and known to be or refused.

A commit names the place in the stream that it follows (Nats-Expected-Last-Sequence), its owner and its
number. When no answer comes it is sent again: at most one of the two follows that place. What has taken the
place tells the rest: this commit (it is stored), an earlier one of this owner (number it anew), or another
owner's (this process was replaced). Deduplication by Nats-Msg-Id would forget after its window.
"""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from mesh.errors import SankofaError
from storage.log import Append, KeyReused, LogFailed, LogFull, Outcome, Rows
from storage.log.codec import key_of, seq_of, size_of
from storage.log.jetstream_connection import Lost
from storage.log.jetstream_frames import HEAD_BYTES, piece_of, pieces_of, zeros_of
from storage.log.jetstream_link import OWNER, Link, Message, WrongLast
from storage.log.jetstream_once import OnceKeys, again, with_few_keys
from storage.log.jetstream_places import Places
from storage.log.jetstream_server import Streams
from storage.log.jetstream_usage import UsageShards
from storage.log.usage import Added

FOLLOWS: Final = "Nats-Expected-Last-Sequence"

PATIENCE_S: Final = 10.0
"""How long a commit is tried; what is unknown then is answered LogFailed, and may yet be stored."""

_NUMBER: Final = "Sankofa-Commit"
_PIECE_BYTES: Final = 4 << 20
_HEADER_BYTES: Final = 4 << 10
_MESSAGE_OVERHEAD: Final = 256
_PAUSE_S: Final = 0.05
_NOTHING: Final = Added({}, ())


class _Plan(NamedTuple):
    outcomes: list[Outcome]
    messages: list[Message]
    last: int
    keys: int
    added: Added


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
        self._once = OnceKeys(link=link, streams=streams, bound_bytes=bound_bytes)
        self.counts = UsageShards(link=link, streams=streams, owner=self.owner)
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
                (opening,) = self._rows([], _NOTHING)
                opening = opening._replace(headers={OWNER: self.owner})
                self._at = self.opened_at = await self._link.publish([opening], FOLLOWS, self._at)
                return
            except WrongLast:
                continue

    def store(self, appends: list[Append]) -> list[Outcome]:
        """One commit, a few where there are many keys. Raises LogFailed where none is known to be stored."""
        outcomes: list[Outcome] = []
        for some in with_few_keys(appends):
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
            await self._put([self._of_rows(body) for body in zeros])
            self.places.add(self.last, self._at, file_bytes)
            return self.last

    async def copy_keys(self, keys: Sequence[Message]) -> None:
        """Writes keys again, for the time that each has left."""
        async with self._one_at_a_time:
            if alive := again(keys, self._now_ms()):
                await self._put(alive)

    async def _put(self, messages: list[Message]) -> None:
        """What has no place of its own to lose: once it is there."""
        while True:
            await self._ready()
            self._number += 1
            if await self._stored(messages):
                return

    async def save_usage(self) -> None:
        """Writes down what was counted until now: from then on the commits that say it may go."""
        await self.counts.save(self.last)

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
            await self._once.forget(plan.keys)
            return plan.outcomes

    async def _stored(self, messages: list[Message]) -> bool:
        """Sends them until it is known what became of them; False where they have to be numbered anew."""
        named = {OWNER: self.owner, _NUMBER: str(self._number)}
        messages = [message._replace(headers={**message.headers, **named}) for message in messages]
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
                if taken.headers.get(_NUMBER) != named[_NUMBER]:
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
            for added in await self.counts.missed(self._at + 1):
                self.counts.apply(added)
            self._at, self.last = ends, max(self.last, piece_of(rows.data).last if rows else 0)
            self.places.add(self.last, self._at, 0)
        self._unsure = False

    async def _plan(self, appends: Sequence[Append], mark: str) -> _Plan:
        """What to store and what to answer, as the stream is at this place."""
        now_ms, room, seq = self._now_ms(), self._bound_bytes - self.used_bytes, self.last + 1
        kept = await self._once.kept(appends, now_ms)
        outcomes, stored, keys = list[Outcome](), list[Append](), list[Message]()
        for append in appends:
            once = append.once
            if once is not None and (seen := kept.get(once.key)) is not None:
                outcomes.append(seen.seq if seen.digest == once.digest else KeyReused())
                continue
            size = size_of(append.parts) + _MESSAGE_OVERHEAD * (2 if once is not None else 1)
            if size > room:
                outcomes.append(LogFull())
                continue
            room -= size
            if once is not None:
                kept[once.key], message = self._once.new(once, seq, now_ms)
                keys.append(message)
            outcomes.append(seq)
            stored.append(append)
            seq += sum([len(part.rows) for part in append.parts])
        self._number += 1
        added = self.counts.usage.added(stored)
        marks = [Message(mark, key_of(self.last + 1), {})] if mark else []
        messages = [*self._rows(stored, added), *keys, *marks] if stored else []
        return _Plan(outcomes, messages, seq - 1, len(keys), added)

    def _rows(self, appends: Sequence[Append], added: Added) -> list[Message]:
        pieces = pieces_of(self.last + 1, appends, added, self._piece_bytes)
        return [self._of_rows(piece) for piece in pieces]

    def _of_rows(self, body: bytes) -> Message:
        return Message(self._streams.subject("rows"), body, {})

    def _grow(self, plan: _Plan) -> None:
        size = sum([len(message.data) + _MESSAGE_OVERHEAD for message in plan.messages])
        self.used_bytes += size
        self.places.add(plan.last, self._at, size)
        self.counts.apply(plan.added)
        with self.grown:
            self.last = plan.last
            self.grown.notify_all()

"""The durable log of a cell of many machines, in two streams of NATS JetStream.

Whose log it is: the process that opened it last; one that was replaced gets LogFailed for all it does. The
cursor is a message of its own, acknowledged once it is synced: a consumer's position may fall back in a kill.
What is not beyond it is purged, and may be left where a kill comes between: the cursor decides.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Final, TypeVar

from mesh.clock import wall_ms
from mesh.months import month_of
from storage.log import Append, Block, DeadLetter, LogFailed, LogStats, Outcome, Record
from storage.log.blocks import only
from storage.log.codec import key_of, seq_of
from storage.log.committer import Committer
from storage.log.jetstream_commit import PATIENCE_S, Commits
from storage.log.jetstream_connection import Lost
from storage.log.jetstream_dead import DeadLetters
from storage.log.jetstream_frames import blocks_of
from storage.log.jetstream_link import FOLLOWS_IN_SUBJECT, OWNER, Link, Message, WrongLast
from storage.log.jetstream_places import Places
from storage.log.jetstream_reading import MESSAGES_A_READ, commits_from
from storage.log.jetstream_server import Streams, check_server, open_streams
from storage.log.jetstream_shred import Shredder

T = TypeVar("T")

FILL: Final = 0.8
"""Appends stop at this part of the bound; the rest is for what the server adds to each message."""

READ_BYTES: Final = 32 << 20
"""A read stops after so many bytes, and takes one commit at least."""

SHRED_S: Final = 60.0
"""How long a shred may take: a few files of keys are copied."""

_PAUSE_S: Final = 0.05


class JetStreamLog:
    """DurableLog on NATS. Make it with `open`; stop its writer before `close`."""

    def __init__(
        self, *, link: Link, streams: Streams, log_id: str, max_bytes: int, now_ms: Callable[[], int]
    ) -> None:
        self.log_id = log_id
        self._link, self._streams = link, streams
        self._bound_bytes = int(max_bytes * FILL)
        self._found = Places()
        self._cursor, self._cursor_at = 0, 0
        self._closed = False
        self._now_ms = now_ms
        self._call(self._read_cursor())
        self._commits = Commits(
            link=link, streams=streams, bound_bytes=self._bound_bytes, last=self._cursor, now_ms=now_ms
        )
        self._dead = DeadLetters(link=link, streams=streams, commits=self._commits)
        self._shredder = Shredder(link=link, streams=streams, commits=self._commits)
        self._call(self._take_over())
        self._committer = Committer(store=self._commits.store, name="log-committer")

    @classmethod
    def open(
        cls,
        url: str,
        *,
        region: str,
        max_bytes: int = 1 << 30,
        monitor_url: str = "",
        replicas: int = 1,
        name: str = "sankofa",
        now_ms: Callable[[], int] = wall_ms,
    ) -> JetStreamLog:
        """Opens the region's log on a server, `nats://user:password@host:4222`, or makes it there.

        Raises LogFailed, with what to do, for a server or streams that are of another region or don't keep
        what they acknowledge, and where nobody answers.
        """
        link = Link(url)
        link.open()
        try:
            check_server(link, url, monitor_url, region)
            streams = Streams(region=region, name=name, max_bytes=max_bytes, replicas=replicas)
            new_id = f"log_{secrets.token_hex(8)}"
            log_id = link.wait(open_streams(link, streams, new_id), PATIENCE_S)
            return cls(link=link, streams=streams, log_id=log_id, max_bytes=max_bytes, now_ms=now_ms)
        except BaseException as error:
            link.close()
            if isinstance(error, Lost):
                raise LogFailed(detail="NATS does not answer") from None
            raise

    async def append(self, appends: Sequence[Append]) -> list[Outcome]:
        """Stores each append whole or not at all, synced, and answers each."""
        return await self._committer.append(appends)

    @property
    def usage(self) -> Mapping[int, Mapping[str, int]]:
        """Live events by month and project id."""
        return self._commits.counts.usage.totals

    def read(self, after: int, limit: int) -> list[Block]:
        """Blocks beyond `after`, whole commits at a time."""
        after, last = max(after, self._cursor), self._commits.last
        if after >= last:
            return []
        found = self._call(self._read(after, last, limit))
        return only(found[:1], lambda seq: seq > after) + found[1:]

    def commit(self, seq: int, *, erased: bool = False) -> None:
        """Moves the cursor first, then deletes: what a kill leaves between is not read again."""
        if not self._cursor <= seq <= self._commits.last:
            raise ValueError(
                f"cursor {self._cursor} can't move to {seq}: the log ends at {self._commits.last}"
            )
        if erased:
            self._call(self._shredder.ask())
        self._call(self._write_cursor(seq))
        self._call(self._commits.save_usage())
        self._call(self._purge(seq))

    def shred(self) -> None:
        """Begins new files of the stream; the old ones go once their rows are stored (jetstream_shred.py)."""
        if self._call(self._shredder.shred(self._cursor), SHRED_S):
            self._call(self._purge(self._cursor))
            self._call(self._shredder.finish())

    def cursor(self) -> int:
        """Everything up to here is stored or a dead letter."""
        return self._cursor

    def wait_for(self, after: int, timeout_s: float) -> bool:
        """Blocks until something lies beyond `after`."""
        commits = self._commits
        with commits.grown:
            commits.grown.wait_for(lambda: commits.last > after or self._closed, timeout_s)
            return commits.last > after

    def dead_letter(self, record: Record, reason: str) -> None:
        """Keeps a record that can't be stored, under its own `seq`."""
        self._call(self._dead.put(DeadLetter(record, reason, self._now_ms())))

    def dead_letters(self, after: int = 0) -> list[DeadLetter]:
        """Dead letters beyond `after`, in order."""
        return self._call(self._dead.beyond(after), None) if self._dead.any_beyond(after) else []

    def replay(self, seq: int) -> int | None:
        """Puts a dead letter's row at the end of the log, in a commit that says so."""
        return self._call(self._dead.replay(seq))

    def drop(self, seq: int) -> bool:
        """Forgets a dead letter."""
        return self._call(self._dead.drop(seq))

    def stats(self) -> LogStats:
        """Counters and space as last heard of; space is what the server counts of the rows' stream."""
        last, cursor = self._commits.last, self._cursor
        return LogStats(
            last, cursor, last - cursor, len(self._dead), self._commits.used_bytes, self._bound_bytes
        )

    def scan(self, needle: bytes) -> tuple[int, int]:
        """Looks into every block, key and value of both streams."""
        return self._call(self._scan(needle), None)

    def close(self) -> None:
        """Commits what waits, then closes."""
        if self._closed:
            return
        self._committer.close()
        with self._commits.grown:
            self._closed = True
            self._commits.grown.notify_all()
        self._link.close()

    def _call(self, work: Coroutine[Any, Any, T], timeout_s: float | None = PATIENCE_S) -> T:
        try:
            return self._link.wait(work, timeout_s)
        except Lost:
            raise LogFailed(detail="NATS does not answer") from None

    async def _read(self, after: int, last: int, limit: int) -> list[Block]:
        found, rows, size = list[Block](), 0, 0
        async for first, end, place, body in commits_from(self._link, self._streams, self._passed(after) + 1):
            if first > last:
                break
            if place < self._commits.opened_at:
                self._found.add(end, place, len(body))
            if end <= after or end < first:
                continue
            if rows >= limit or (found and size + len(body) > READ_BYTES):
                break
            size += len(body)
            for block in blocks_of(body):
                if block.last > after and rows < limit:
                    found.append(block)
                    rows += len(block.rows)
        return found

    def _passed(self, row: int) -> int:
        """The last place that holds nothing beyond a row: of those found, or of those stored since."""
        return max(self._found.passed(row), self._commits.places.passed(row))

    async def _take_over(self) -> None:
        await self._commits.take_over()
        await self._write_cursor(self._cursor)
        await self._dead.load()
        await self._shredder.load()
        await self._commits.counts.load(month_of(self._now_ms()), self._commits.last)

    async def _read_cursor(self) -> None:
        if stored := await self._link.last(self._streams.state, self._streams.subject("cursor")):
            self._cursor, self._cursor_at = seq_of(stored.data), stored.seq

    async def _write_cursor(self, seq: int) -> None:
        """Until it is known to be there. Raises LogFailed where another process has written one."""
        message = Message(self._streams.subject("cursor"), key_of(seq), {OWNER: self._commits.owner})
        while True:
            try:
                self._cursor_at = await self._link.publish([message], FOLLOWS_IN_SUBJECT, self._cursor_at)
                break
            except Lost:
                await asyncio.sleep(_PAUSE_S)
            except WrongLast:
                stored = await self._link.last(self._streams.state, message.subject)
                if stored is None or stored.headers.get(OWNER) != self._commits.owner:
                    raise LogFailed(detail="another process has opened this log") from None
                self._cursor_at = stored.seq
                if seq_of(stored.data) == seq:
                    break
        self._cursor = seq

    async def _purge(self, seq: int) -> None:
        """Deletes commits whose last row is not beyond `seq`; what can't be deleted now, the next time."""
        passed = self._passed(seq)
        if not passed:
            return
        rows, subject = self._streams.rows, self._streams.subject("rows")
        try:
            self._commits.used_bytes = await self._link.purge(rows, subject, passed + 1)
        except Lost:
            return
        self._found.forget(passed)
        self._commits.places.forget(passed)

    async def _scan(self, needle: bytes) -> tuple[int, int]:
        examined = hits = 0
        async for first, last, _, body in commits_from(self._link, self._streams, 1):
            for block in blocks_of(body) if first <= last else ():
                examined += 1
                hits += needle in block.project_id.encode() or any(needle in row for row in block.rows)
        for stream, subject in (
            (self._streams.rows, self._streams.subject("once", "*")),
            (self._streams.state, self._streams.subject(">")),
        ):
            place, more = 1, True
            while more:
                found, more = await self._link.messages(stream, subject, place, MESSAGES_A_READ)
                for message in found:
                    examined += 1
                    hits += needle in message.data or needle in message.subject.encode()
                    place = message.seq + 1
        return examined, hits

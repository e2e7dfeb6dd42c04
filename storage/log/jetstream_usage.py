"""Usage on NATS: each commit says in its own messages what it counts, and totals are kept beside the cursor.

usage.<shard>   totals of a shard's projects as of a row: its seq, 8 bytes, then for each project and month
                length, 2 bytes | month, 4 bytes | total, 8 bytes | project id

Commits are purged once they are stored, so what they count is written to the shards before. What lies beyond
is read again when the log is opened: a commit counts where it begins after its project's shard. Ids are
remembered as far as their commits are still there.

Each shard is the process's that wrote it last, and whoever opens a log writes all of them: so a process that
was replaced while it was about to write one can't put an old total over a newer one.
"""

from __future__ import annotations

import asyncio
import struct
from typing import Final
from zlib import crc32

from storage.log import LogFailed
from storage.log.codec import key_of, seq_of
from storage.log.jetstream_connection import PAUSE_S, Lost
from storage.log.jetstream_frames import added_of
from storage.log.jetstream_link import FOLLOWS_IN_SUBJECT, OWNER, Link, Message, WrongLast
from storage.log.jetstream_reading import commits_from
from storage.log.jetstream_server import Streams
from storage.log.usage import Added, Usage, oldest_kept

SHARDS: Final = 16
"""A message takes 1 MiB, some 20,000 projects of a month."""

_TRIES: Final = 3
_ENTRY: Final = struct.Struct(">HIQ")


class UsageShards:
    """Of one log, for the link's loop alone, but for `usage.totals`."""

    def __init__(self, *, link: Link, streams: Streams, owner: str) -> None:
        self.usage = Usage()
        self._link, self._streams, self._owner = link, streams, owner
        self._dirty: set[int] = set()
        self._places: dict[int, int] = {}

    async def load(self, month: int, last: int) -> None:
        """Reads what there is up to the row `last`, and takes all of it over from whoever wrote it.

        Totals of months that are no longer kept are left out. Raises LogFailed where somebody else does so.
        """
        for attempt in range(_TRIES):
            try:
                await self._load(month)
                self._dirty = set(range(SHARDS))
                await self.save(last)
                return
            except LogFailed:  # who was replaced has just written one: it knows now, and writes no other
                if attempt == _TRIES - 1:
                    raise

    async def _load(self, month: int) -> None:
        self.usage, self._places = Usage(), {}
        upto = dict[int, int]()
        for shard in range(SHARDS):
            if (stored := await self._link.last(self._streams.state, self._subject(shard))) is not None:
                upto[shard] = self._read(stored.data, oldest_kept(month))
                self._places[shard] = stored.seq
        async for first, last, _, body in commits_from(self._link, self._streams, 1):
            if first <= last:
                added = added_of(body)
                events = {
                    key: more for key, more in added.events.items() if first > upto.get(_shard(key[1]), 0)
                }
                self.apply(Added(events, added.ids))

    async def missed(self, place: int) -> list[Added]:
        """What commits from a place on have added; to be applied with the place where they end."""
        found = commits_from(self._link, self._streams, place)
        return [added_of(body) async for first, last, _, body in found if first <= last]

    def apply(self, added: Added) -> None:
        """A commit is stored."""
        self.usage.apply(added)
        self._dirty.update(_shard(project_id) for _, project_id in added.events)

    async def save(self, last: int) -> None:
        """Writes totals that have changed, as of the commit that ends with the row `last`.

        Nothing is awaited between the caller's look at `last` and the totals that are written here. Raises
        LogFailed where another process has opened the log.
        """
        dirty, self._dirty = self._dirty, set()
        values = {shard: self._written(shard, last) for shard in sorted(dirty)}
        try:
            for shard, value in values.items():
                await self._store(shard, value)
        except BaseException:
            self._dirty |= dirty
            raise

    async def _store(self, shard: int, value: bytes) -> None:
        """Until it is known to be there."""
        message = Message(self._subject(shard), value, {OWNER: self._owner})
        while True:
            try:
                at = self._places.get(shard, 0)
                self._places[shard] = await self._link.publish([message], FOLLOWS_IN_SUBJECT, at)
                return
            except Lost:
                await asyncio.sleep(PAUSE_S)
            except WrongLast:
                stored = await self._link.last(self._streams.state, message.subject)
                if stored is None or stored.headers.get(OWNER) != self._owner:
                    raise LogFailed(detail="another process has opened this log") from None
                self._places[shard] = stored.seq
                if stored.data == value:
                    return

    def _written(self, shard: int, last: int) -> bytes:
        parts = [key_of(last)]
        for month, projects in self.usage.totals.items():
            for project_id, total in projects.items():
                if _shard(project_id) == shard:
                    name = project_id.encode()
                    parts += [_ENTRY.pack(len(name), month, total), name]
        return b"".join(parts)

    def _read(self, value: bytes, oldest: int) -> int:
        at = len(key_of(0))
        while at < len(value):
            length, month, total = _ENTRY.unpack_from(value, at)
            at += _ENTRY.size + length
            if month >= oldest:
                self.usage.set(month, value[at - length : at].decode(), total)
        return seq_of(value[: len(key_of(0))])

    def _subject(self, shard: int) -> str:
        return self._streams.subject("usage", str(shard))


def _shard(project_id: str) -> int:
    return crc32(project_id.encode()) % SHARDS

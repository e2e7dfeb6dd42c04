"""Usage on NATS: each commit says in its own messages what it counts, and totals are kept beside the cursor.

usage.<shard>   totals of a shard's projects as of a row: its seq, 8 bytes, then for each project and month
                length, 2 bytes | month, 4 bytes | total, 8 bytes | project id

Commits are purged once they are stored, so what they count is written to the shards before. What lies beyond
is read again when the log is opened: a commit counts where it begins after its project's shard. Ids are
remembered as far as their commits are still there.
"""

from __future__ import annotations

import struct
from typing import Final
from zlib import crc32

from storage.log.codec import key_of, seq_of
from storage.log.jetstream_frames import added_of
from storage.log.jetstream_link import Link, Message
from storage.log.jetstream_reading import commits_from
from storage.log.jetstream_server import Streams
from storage.log.usage import Added, Usage, oldest_kept

SHARDS: Final = 16
"""A message takes 1 MiB, some 20,000 projects of a month."""

_ENTRY: Final = struct.Struct(">HIQ")


class UsageShards:
    """Of one log, for the link's loop alone, but for `usage.totals`."""

    def __init__(self, *, link: Link, streams: Streams) -> None:
        self.usage = Usage()
        self._link, self._streams = link, streams
        self._dirty: set[int] = set()

    async def load(self, month: int) -> None:
        """Reads what there is. Totals of months that are no longer kept are left out."""
        upto = dict[int, int]()
        for shard in range(SHARDS):
            if (stored := await self._link.last(self._streams.state, self._subject(shard))) is not None:
                upto[shard] = self._read(stored.data, oldest_kept(month))
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

        Nothing is awaited between the caller's look at `last` and the totals that are written here.
        """
        dirty, self._dirty = self._dirty, set()
        messages = [Message(self._subject(shard), self._written(shard, last), {}) for shard in sorted(dirty)]
        try:
            for message in messages:
                await self._link.store(message)
        except BaseException:
            self._dirty |= dirty
            raise

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

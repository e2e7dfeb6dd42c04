"""Leaves no trace of what was deleted. NATS keeps it among the living, in files of a few MiB each.

It removes a file once nothing in it is alive. So a shred begins a new file, with as many zeros as fill the
old one, and copies the idempotency keys over; rows that are alive leave by themselves, when they are stored.
Files are removed, not overwritten: below that, encryption of the volume has to serve.
"""

from __future__ import annotations

from typing import Final

from storage.log.codec import key_of, seq_of
from storage.log.jetstream_commit import Commits
from storage.log.jetstream_link import Link, Message
from storage.log.jetstream_server import Streams

_KEYS_A_READ: Final = 500
_FILE_BYTES: Final = (8 << 20) + (64 << 10)
"""The largest that NATS makes them, and a little. A log that has no room for it now is shredded later."""


class Shredder:
    """Of one log. What was asked for is a message of the state: empty, then the row that has to leave."""

    def __init__(self, *, link: Link, streams: Streams, commits: Commits) -> None:
        self._link, self._streams, self._commits = link, streams, commits
        self._asked: Message | None = None

    async def load(self) -> None:
        """Whether one was asked for that has not come to its end."""
        self._asked = await self._link.last(self._streams.state, self._streams.subject("erased"))

    async def ask(self) -> None:
        """From now on what was deleted is to leave no trace, also after a kill."""
        await self._note(b"")

    async def shred(self, cursor: int) -> bool:
        """Goes on with what was asked for; whether a purge up to the cursor finishes it. Raises LogFull."""
        if self._asked is None:
            return False
        if not self._asked.data:
            last = await self._commits.roll(_FILE_BYTES)
            await self._copy_keys()
            await self._note(key_of(last))
        return cursor >= seq_of(self._asked.data)

    async def finish(self) -> None:
        """All of it is gone."""
        await self._link.delete(self._streams.state, self._streams.subject("erased"))
        self._asked = None

    async def _copy_keys(self) -> None:
        rows, keys = self._streams.rows, self._streams.subject("once", "*")
        end = int((await self._link.state(rows))["last_seq"])
        place, more = 1, True
        while more:
            found, more = await self._link.messages(rows, keys, place, _KEYS_A_READ)
            before = [message for message in found if message.seq <= end]
            if before:
                await self._commits.copy_keys(before)
            more = more and len(before) == len(found)
            place = found[-1].seq + 1 if found else place
        await self._link.purge(rows, keys, end + 1)

    async def _note(self, value: bytes) -> None:
        self._asked = Message(self._streams.subject("erased"), value, {})
        await self._link.store(self._asked)

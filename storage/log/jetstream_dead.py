"""Dead letters in the stream of the log's state: one message for each, or several where it is large.

subject    …dead.<seq>.<piece>; the first piece is written last, so that a letter is there whole or not at all
message    pieces of the letter, 2 bytes | the piece; all together are a dead letter of codec.py

A replay is a commit to the other stream, and says in it which letter it was (…replayed.<seq>): a letter
that is named there is none any more, whatever a kill has left of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from typing import Final

from storage.log import DeadLetter, LogFailed, Rows
from storage.log.codec import dead_of, dead_value, key_of
from storage.log.jetstream_commit import Commits
from storage.log.jetstream_connection import Lost
from storage.log.jetstream_link import Link, Message
from storage.log.jetstream_server import Streams

_PIECE_BYTES: Final = 512 << 10
_COUNT_BYTES: Final = 2
_FIRST: Final = re.compile(r"\.dead\.(\d+)\.0$")
_MARK: Final = re.compile(r"\.replayed\.(\d+)$")


class DeadLetters:
    """Those of one log. Their numbers are kept in memory: the writer asks for each batch, mostly in vain."""

    def __init__(self, *, link: Link, streams: Streams, commits: Commits) -> None:
        self._link, self._streams, self._commits = link, streams, commits
        self._seqs: set[int] = set()
        self._changing = asyncio.Lock()

    def __len__(self) -> int:
        return len(self._seqs)

    def any_beyond(self, after: int) -> bool:
        """Whether one lies beyond `after`."""
        return any(seq > after for seq in list(self._seqs))

    async def load(self) -> None:
        """Finds out which there are, and ends the replays that a kill has interrupted."""
        marks = await self._link.subjects(self._streams.rows, self._streams.subject("replayed", "*"))
        for mark in marks:
            if found := _MARK.search(mark):
                await self._forget(int(found[1]))
        names = await self._link.subjects(self._streams.state, self._streams.subject("dead", ">"))
        self._seqs = {int(found[1]) for name in names if (found := _FIRST.search(name))}

    async def put(self, letter: DeadLetter) -> None:
        """Stores one; the first of the same row stays."""
        seq, value = letter.record.seq, dead_value(letter)
        if seq in self._seqs:
            return
        pieces = [value[at : at + _PIECE_BYTES] for at in range(0, len(value), _PIECE_BYTES)]
        count = len(pieces).to_bytes(_COUNT_BYTES, "big")
        for index, piece in reversed(list(enumerate(pieces))):
            await self._link.store(Message(self._subject(seq, str(index)), count + piece, {}))
        self._seqs.add(seq)

    async def beyond(self, after: int) -> list[DeadLetter]:
        """Those beyond `after`, in order."""
        return [await self._get(seq) for seq in sorted(self._seqs) if seq > after]

    async def replay(self, seq: int) -> int | None:
        """The new place of the row of a letter; None for no such letter. Raises LogFull."""
        async with self._changing:
            if seq not in self._seqs:
                return None
            record = (await self._get(seq)).record
            parts = [Rows(record.table, record.project_id, [record.row])]
            place = await self._commits.replay(parts, self._streams.subject("replayed", str(seq)))
            self._seqs.discard(seq)
            with contextlib.suppress(Lost):  # it is named as replayed: whoever opens the log next forgets it
                await self._forget(seq)
            return place

    async def drop(self, seq: int) -> bool:
        """Forgets a letter; whether there was one."""
        async with self._changing:
            if seq not in self._seqs:
                return False
            await self._erase(seq)
            self._seqs.discard(seq)
            return True

    async def _forget(self, seq: int) -> None:
        await self._erase(seq)
        await self._link.delete(self._streams.rows, self._streams.subject("replayed", str(seq)))

    async def _erase(self, seq: int) -> None:
        """The first piece first: without it the others are no letter."""
        state, names = self._streams.state, self._subject(seq, "*")
        pieces = {_piece(name): name for name in await self._link.subjects(state, names)}
        for number in sorted(pieces):
            if piece := await self._link.last(state, pieces[number]):
                await self._link.erase(state, piece.seq)

    async def _get(self, seq: int) -> DeadLetter:
        pieces, count = list[bytes](), 1
        while len(pieces) < count:
            found = await self._link.last(self._streams.state, self._subject(seq, str(len(pieces))))
            if found is None:
                raise LogFailed(detail=f"a part of dead letter {seq} is not there")
            count = int.from_bytes(found.data[:_COUNT_BYTES], "big")
            pieces.append(found.data[_COUNT_BYTES:])
        return dead_of(key_of(seq), b"".join(pieces))

    def _subject(self, seq: int, piece: str) -> str:
        return self._streams.subject("dead", str(seq), piece)


def _piece(subject: str) -> int:
    return int(subject.rpartition(".")[2])

"""Reads commits from the stream of rows, whole ones, however many messages each is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final, NamedTuple

from storage.log.jetstream_frames import piece_of
from storage.log.jetstream_link import Link
from storage.log.jetstream_server import Streams

MESSAGES_A_READ: Final = 256


class StoredCommit(NamedTuple):
    """A commit's first and last row (the last before the first: it has none), and the place where it ends."""

    first: int
    last: int
    place: int
    body: bytes


async def commits_from(link: Link, streams: Streams, place: int) -> AsyncIterator[StoredCommit]:
    """Each commit that begins at a place or after it, in order."""
    pieces, more = list[bytes](), True
    while more:
        found, more = await link.messages(streams.rows, streams.subject("rows"), place, MESSAGES_A_READ)
        for message in found:
            piece = piece_of(message.data)
            pieces.append(piece.body)
            place = message.seq + 1
            if piece.part == piece.parts - 1:
                yield StoredCommit(piece.first, piece.last, message.seq, b"".join(pieces))
                pieces = []

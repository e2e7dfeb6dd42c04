"""How a commit lies in a JetStream stream: one message, or several that follow each other.

A message of rows
    head   seq of the commit's first row | of its last, 8 bytes each | part | parts, 2 bytes each
    body   the part. All parts together: for each block its length, 4 bytes | its key | its value (codec.py)

The key of the last block may be 0, which is no row's: its value is what the commit counts (usage.py), for
each project and month its length, 2 bytes | month, 4 bytes | events, 4 bytes | project id. A length of 0 ends
it, and the new ids follow.

A commit without rows has its last before its first: whoever opens a log writes one, and so do zeros that
fill a file. A message of an idempotency key is its digest, then seq and end (milliseconds since 1970), 8
bytes each.
All numbers are big-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from storage.log import ID_CHARACTERS, Append, Block
from storage.log.codec import block_of, key_of, pack
from storage.log.usage import Added

_HEAD: Final = struct.Struct(">QQHH")
_LENGTH: Final = struct.Struct(">I")
_TAIL: Final = struct.Struct(">QQ")
_KEY_BYTES: Final = len(key_of(0))
_COUNTED: Final = key_of(0)
_ENTRY: Final = struct.Struct(">HII")
_END: Final = bytes(2)

HEAD_BYTES: Final = _HEAD.size


class Piece(NamedTuple):
    """A message of rows: where its commit begins and ends, and which part of it this is."""

    first: int
    last: int
    part: int
    parts: int
    body: bytes


def pieces_of(first: int, appends: Sequence[Append], added: Added, piece_bytes: int) -> list[bytes]:
    """The messages of one commit whose first row has the seq `first`, with what it counts."""
    parts = [part for append in appends for part in append.parts]
    last = first + sum([len(part.rows) for part in parts]) - 1
    blocks = [*pack(first, iter(parts)), *_counted(added)]
    body = b"".join([_LENGTH.pack(len(value)) + key + value for key, value in blocks])
    cuts = range(0, len(body), piece_bytes) or range(1)
    return [
        _HEAD.pack(first, last, index, len(cuts)) + body[at : at + piece_bytes]
        for index, at in enumerate(cuts)
    ]


def zeros_of(last: int, size: int, piece_bytes: int) -> list[bytes]:
    """The messages of a commit without rows, after the row `last`, that takes `size` bytes."""
    sizes = [min(piece_bytes, size - at) for at in range(0, size, piece_bytes)]
    return [
        _HEAD.pack(last + 1, last, index, len(sizes)) + bytes(length) for index, length in enumerate(sizes)
    ]


def piece_of(message: bytes) -> Piece:
    """A message of rows, read."""
    first, last, part, parts = _HEAD.unpack_from(message)
    return Piece(first, last, part, parts, message[_HEAD.size :])


def blocks_of(body: bytes) -> Iterator[Block]:
    """The blocks of rows of a whole commit."""
    for key, value in _entries(body):
        if key != _COUNTED:
            yield block_of(key, value)


def added_of(body: bytes) -> Added:
    """What a whole commit counts."""
    events: dict[tuple[int, str], int] = {}
    ids = ""
    for key, value in _entries(body):
        if key == _COUNTED:
            at = 0
            while value[at : at + len(_END)] != _END:
                length, month, more = _ENTRY.unpack_from(value, at)
                at += _ENTRY.size + length
                events[month, value[at - length : at].decode()] = more
            ids = value[at + len(_END) :].decode()
    return Added(events, [ids[at : at + ID_CHARACTERS] for at in range(0, len(ids), ID_CHARACTERS)])


def _counted(added: Added) -> Iterator[tuple[bytes, bytes]]:
    if not added.events and not added.ids:
        return
    parts = list[bytes]()
    for (month, project_id), more in added.events.items():
        name = project_id.encode()
        parts += [_ENTRY.pack(len(name), month, more), name]
    yield _COUNTED, b"".join([*parts, _END, "".join(added.ids).encode()])


def _entries(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at < len(body):
        (length,) = _LENGTH.unpack_from(body, at)
        start = at + _LENGTH.size + _KEY_BYTES
        at = start + length
        yield body[start - _KEY_BYTES : start], body[start:at]


class Kept(NamedTuple):
    """An idempotency key that was used: with what, where the rows begin, and until when it counts."""

    digest: bytes
    seq: int
    end_ms: int


def kept_value(kept: Kept) -> bytes:
    """The message of an idempotency key."""
    return kept.digest + _TAIL.pack(kept.seq, kept.end_ms)


def kept_of(message: bytes) -> Kept:
    """The same, read."""
    return Kept(message[: -_TAIL.size], *_TAIL.unpack_from(message, len(message) - _TAIL.size))

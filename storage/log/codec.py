"""How blocks and dead letters lie in a key-value log.

A block (format 2)
    key    seq of its first row, 8 bytes big-endian
    value  head | count, 4 bytes | length of each row, 4 bytes each | the rows as they came
    head   1 byte table | 2 bytes length of the project id | the project id in UTF-8

A dead letter
    key    its seq
    value  2 bytes length of the reason | 8 bytes time, milliseconds since 1970 | the reason | head | the row
           (the highest bit of the length says that there is a time: older letters have none)

Format 1 had a record of `head | row` for each row under its seq.
All numbers are big-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Final

from storage.log import Block, DeadLetter, Record, Rows, Table

BLOCK_BYTES: Final = 64 << 10
"""Rows go into one block up to here: larger values need runs of free pages that a busy file has few of."""

ROW_OVERHEAD: Final = 8
BLOCK_OVERHEAD: Final = 64

_TABLES = tuple(Table)
_HEAD = struct.Struct(">BH")
_COUNT = struct.Struct(">I")
_KEY = struct.Struct(">Q")
_REASON = struct.Struct(">HQ")
_TIMED: Final = 0x8000


def key_of(seq: int) -> bytes:
    """The key of a sequence number; keys sort as the numbers do."""
    return _KEY.pack(seq)


def seq_of(key: bytes) -> int:
    """The sequence number of a key."""
    return int(_KEY.unpack(key)[0])


def block_value(part: Rows) -> bytes:
    """The value of a block."""
    lengths = struct.pack(f">{len(part.rows) + 1}I", len(part.rows), *map(len, part.rows))
    return b"".join((_head(part.table, part.project_id), lengths, *part.rows))


def block_of(key: bytes, value: bytes) -> Block:
    """The block of a key and a value."""
    table, project_id, at = _read_head(value)
    (count,) = _COUNT.unpack_from(value, at)
    at += _COUNT.size
    lengths = struct.unpack_from(f">{count}I", value, at)
    at += count * _COUNT.size
    rows = []
    for length in lengths:
        rows.append(value[at : at + length])
        at += length
    return Block(seq_of(key), table, project_id, rows)


def last_of(key: bytes, value: bytes) -> int:
    """The seq of a block's last row, without reading the rows."""
    (count,) = _COUNT.unpack_from(value, _HEAD.size + _HEAD.unpack_from(value)[1])
    return seq_of(key) + int(count) - 1


def pack(seq: int, parts: Iterator[Rows]) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of rows that follow each other from `seq`, in as few blocks as they fit into.

    Neighbours of one table and project share a block, whoever sent them.
    """
    table, project_id, size = Table.EVENTS, "", 0
    rows: list[bytes] = []
    for part in parts:
        if part.project_id != project_id or part.table is not table:
            if rows:
                yield key_of(seq), block_value(Rows(table, project_id, rows))
                seq += len(rows)
            table, project_id, rows, size = part.table, part.project_id, [], 0
        for row in part.rows:
            size += len(row)
            if size > BLOCK_BYTES and rows:
                yield key_of(seq), block_value(Rows(table, project_id, rows))
                seq += len(rows)
                rows, size = [], len(row)
            rows.append(row)
    if rows:
        yield key_of(seq), block_value(Rows(table, project_id, rows))


def size_of(parts: Sequence[Rows]) -> int:
    """About the bytes that rows take in the log."""
    return sum([BLOCK_OVERHEAD + ROW_OVERHEAD * len(part.rows) + sum(map(len, part.rows)) for part in parts])


def dead_value(letter: DeadLetter) -> bytes:
    """The value of a dead letter."""
    record, text = letter.record, letter.reason.encode()[:1000]
    start = _REASON.pack(len(text) | _TIMED, letter.at_ms)
    return b"".join((start, text, _head(record.table, record.project_id), record.row))


def dead_of(key: bytes, value: bytes) -> DeadLetter:
    """The dead letter of a key and a value."""
    length, at_ms, start = int.from_bytes(value[:2], "big"), 0, 2
    if length & _TIMED:
        length, at_ms = _REASON.unpack_from(value)
        length, start = length - _TIMED, _REASON.size
    end = start + length
    return DeadLetter(record_of(key, value[end:]), value[start:end].decode(errors="replace"), at_ms)


def record_of(key: bytes, value: bytes) -> Record:
    """A row with its head before it: format 1, and what a dead letter holds."""
    table, project_id, at = _read_head(value)
    return Record(seq_of(key), table, project_id, value[at:])


def _head(table: Table, project_id: str) -> bytes:
    project = project_id.encode()
    return _HEAD.pack(_TABLES.index(table), len(project)) + project


def _read_head(value: bytes) -> tuple[Table, str, int]:
    """Table, project id, and where the head ends."""
    table, length = _HEAD.unpack_from(value)
    end = _HEAD.size + length
    return _TABLES[table], value[_HEAD.size : end].decode(), end

"""How a record lies in a key-value log.

key: seq, 8 bytes big-endian; value: a header, then the row as it came

header: 1 byte table, 2 bytes length of the project id, the project id in UTF-8
"""

from __future__ import annotations

import struct

from storage.log import Entry, Record, Table

_TABLES = tuple(Table)
_HEAD = struct.Struct(">BH")
_KEY = struct.Struct(">Q")


def key_of(seq: int) -> bytes:
    """The key of a sequence number; keys sort as the numbers do."""
    return _KEY.pack(seq)


def seq_of(key: bytes) -> int:
    """The sequence number of a key."""
    return int(_KEY.unpack(key)[0])


def header_of(table: Table, project_id: str) -> bytes:
    """What stands before the row."""
    project = project_id.encode()
    return _HEAD.pack(_TABLES.index(table), len(project)) + project


class Encoder:
    """Encodes the entries of one commit; remembers headers, as a frame has few projects and many rows."""

    __slots__ = ("_headers",)

    def __init__(self) -> None:
        self._headers: dict[tuple[Table, str], bytes] = {}

    def value(self, entry: Entry) -> bytes:
        """The value of an entry."""
        place = (entry.table, entry.project_id)
        header = self._headers.get(place)
        if header is None:
            header = self._headers[place] = header_of(*place)
        return header + entry.row


class Decoder:
    """Decodes the values of one read; remembers headers."""

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        self._seen: dict[bytes, tuple[Table, str]] = {}

    def record(self, key: bytes, value: bytes) -> Record:
        """The record of a key and a value."""
        end = _HEAD.size + int.from_bytes(value[1:3], "big")
        header = value[:end]
        place = self._seen.get(header)
        if place is None:
            place = self._seen[header] = (_TABLES[value[0]], header[_HEAD.size :].decode())
        return Record(seq_of(key), place[0], place[1], value[end:])


def dead_value(record: Record, reason: str) -> bytes:
    """A dead letter: 2 bytes length of the reason, the reason, then the value as it was in the log."""
    text = reason.encode()[:1000]
    return len(text).to_bytes(2, "big") + text + header_of(record.table, record.project_id) + record.row


def dead_of(key: bytes, value: bytes) -> tuple[Record, str]:
    """The record and the reason of a dead letter."""
    end = 2 + int.from_bytes(value[:2], "big")
    return Decoder().record(key, value[end:]), value[2:end].decode(errors="replace")

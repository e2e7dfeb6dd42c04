"""A request's body: by length or in chunks, compressed or not. Cut short it is an error."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator, Mapping
from typing import BinaryIO

import brotli
import lz4.frame
from backports import zstd

from tests.support.clickhouse.errors import refused

_STEP = 1 << 16


class Body(io.RawIOBase):
    """The decoded bytes, as a file that is read once."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._left = piece
        taken, self._left = self._left[: len(buffer)], self._left[len(buffer) :]
        buffer[: len(taken)] = taken
        return len(taken)


def body_of(source: BinaryIO, headers: Mapping[str, str]) -> io.BufferedReader:
    """The body of a request that has just been read up to its headers."""
    chunked = headers.get("Transfer-Encoding", "").lower() == "chunked"
    pieces = _chunks(source) if chunked else _length(source, int(headers.get("Content-Length") or 0))
    return io.BufferedReader(Body(_decoded(pieces, headers.get("Content-Encoding", ""))), _STEP)


def _length(source: BinaryIO, left: int) -> Iterator[bytes]:
    while left:
        piece = source.read1(min(left, _STEP))  # type: ignore[attr-defined]
        if not piece:
            raise _cut()
        left -= len(piece)
        yield piece


def _chunks(source: BinaryIO) -> Iterator[bytes]:
    while True:
        line = source.readline(64)
        if not line.endswith(b"\n"):
            raise _cut()
        size = int(line.split(b";")[0], 16)
        if not size:
            source.readline(64)
            return
        yield from _length(source, size)
        source.readline(64)


def _decoded(pieces: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    if encoding in ("", "identity"):
        return pieces
    makers = {
        "gzip": lambda: zlib.decompressobj(31).decompress,
        "deflate": lambda: zlib.decompressobj().decompress,
        "zstd": lambda: zstd.ZstdDecompressor().decompress,
        "lz4": lambda: lz4.frame.LZ4FrameDecompressor().decompress,
        "br": lambda: brotli.Decompressor().process,
    }
    if encoding not in makers:
        raise refused(48, "NOT_IMPLEMENTED", f"Unknown compression method '{encoding}'")
    decode = makers[encoding]()
    return (decode(piece) for piece in pieces)


def _cut() -> Exception:
    return refused(33, "CANNOT_READ_ALL_DATA", "Unexpected EOF while reading the body of the request")

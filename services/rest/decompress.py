"""Request bodies as they were before compression, never expanded past the limit."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Iterator
from typing import Final

import brotli
import zstandard

from mesh.errors import InvalidInput
from sankofa.residency.v1.error_pb2 import ErrorReason

_CHUNK_BYTES: Final = 256 * 1024
_ZSTD_WINDOW_BYTES: Final = 8 * 1024 * 1024  # RFC 9659: the most that Content-Encoding: zstd may ask for


def decompress(body: bytes, encoding: bytes, *, limit_bytes: int) -> bytes:
    """The body without its Content-Encoding. Raises InvalidInput: 415, 413 over the limit, 400 corrupt."""
    if encoding in (b"", b"identity"):
        return body
    decoder = _DECODERS.get(encoding.strip().lower())
    if decoder is None:
        raise InvalidInput(ErrorReason.ERROR_REASON_UNSUPPORTED_ENCODING)
    pieces, total = [], 0
    try:
        for piece in decoder(body):
            total += len(piece)
            if total > limit_bytes:
                raise InvalidInput(ErrorReason.ERROR_REASON_BODY_TOO_LARGE)
            pieces.append(piece)
    except (zlib.error, zstandard.ZstdError, brotli.error) as error:
        raise InvalidInput(ErrorReason.ERROR_REASON_INVALID_BODY) from error
    return b"".join(pieces)


def _inflate(body: bytes, window_bits: int) -> Iterator[bytes]:
    """gzip may be several members one after the other (RFC 1952, 2.2)."""
    while body:
        stream = zlib.decompressobj(window_bits)
        while not stream.eof:
            piece = stream.decompress(body, _CHUNK_BYTES)
            body = stream.unconsumed_tail
            if not piece and not body and not stream.eof:
                raise zlib.error("truncated")
            yield piece
        body = stream.unused_data


def _gzip(body: bytes) -> Iterator[bytes]:
    return _inflate(body, 16 + zlib.MAX_WBITS)


def _deflate(body: bytes) -> Iterator[bytes]:
    """`deflate` means zlib (RFC 9110, 8.4.1.2), and some clients send it without zlib's header."""
    wrapped = len(body) >= 2 and body[0] & 0x0F == 8 and int.from_bytes(body[:2], "big") % 31 == 0
    return _inflate(body, zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS)


def _zstd(body: bytes) -> Iterator[bytes]:
    decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_BYTES)
    with decompressor.stream_reader(io.BytesIO(body), read_across_frames=True) as reader:
        while piece := reader.read(_CHUNK_BYTES):
            yield piece


def _brotli(body: bytes) -> Iterator[bytes]:
    stream = brotli.Decompressor()
    yield stream.process(body, output_buffer_limit=_CHUNK_BYTES)
    while not stream.is_finished():
        piece = stream.process(b"", output_buffer_limit=_CHUNK_BYTES)
        if not piece:
            raise brotli.error("truncated")
        yield piece


_DECODERS: Final[dict[bytes, Callable[[bytes], Iterator[bytes]]]] = {
    b"gzip": _gzip,
    b"x-gzip": _gzip,
    b"deflate": _deflate,
    b"zstd": _zstd,
    b"br": _brotli,
}

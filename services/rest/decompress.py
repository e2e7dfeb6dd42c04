"""Request bodies as they were before compression, never expanded past the limit.

Decoders are fed small slices and asked for small pieces, so that a bomb costs a piece and not its size, and
many tiny members cost no more than the bytes they came in.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Final

import brotli

from mesh.errors import InvalidInput
from sankofa.residency.v1.error_pb2 import ErrorReason

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_SLICE_BYTES: Final = 16 * 1024
_PIECE_BYTES: Final = 256 * 1024
_MOST_MEMBERS: Final = 1024
"""Members or frames one after the other; a 32 MiB body in blocks of 64 KiB (bgzip) has half as many."""
_ZSTD_WINDOW_LOG: Final = 23  # RFC 9659: 8 MiB is the most that Content-Encoding: zstd may ask for


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
    except (zlib.error, zstd.ZstdError, brotli.error) as error:
        raise InvalidInput(ErrorReason.ERROR_REASON_INVALID_BODY) from error
    return b"".join(pieces)


def _members(body: bytes, begin: Callable[[], Any]) -> Iterator[bytes]:
    """gzip may be several members one after the other (RFC 1952, 2.2), and zstd frames (RFC 8878, 3.1)."""
    slices = (body[at : at + _SLICE_BYTES] for at in range(0, len(body), _SLICE_BYTES))
    rest = next(slices, b"")
    for _ in range(_MOST_MEMBERS):
        decoder = begin()
        while not decoder.eof:
            piece = decoder.decompress(rest, _PIECE_BYTES)
            rest = decoder.unconsumed_tail
            if piece:
                yield piece
            elif not rest and not decoder.eof and not (rest := next(slices, b"")):
                raise zlib.error("truncated")
        rest = decoder.unused_data or next(slices, b"")
        if not rest:
            return
    raise zlib.error("too many members")


class _Frame:
    """One zstd frame, in the manner of zlib's decoders: what is not consumed yet is kept inside."""

    unconsumed_tail = b""

    def __init__(self) -> None:
        options = {int(zstd.DecompressionParameter.window_log_max): _ZSTD_WINDOW_LOG}
        self._inner = zstd.ZstdDecompressor(options=options)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, most_bytes: int) -> bytes:
        return self._inner.decompress(data, most_bytes)


def _gzip(body: bytes) -> Iterator[bytes]:
    return _members(body, lambda: zlib.decompressobj(16 + zlib.MAX_WBITS))


def _deflate(body: bytes) -> Iterator[bytes]:
    """`deflate` means zlib (RFC 9110, 8.4.1.2), and some clients send it without zlib's header."""
    wrapped = len(body) >= 2 and body[0] & 0x0F == 8 and int.from_bytes(body[:2], "big") % 31 == 0
    return _members(body, lambda: zlib.decompressobj(zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS))


def _zstd(body: bytes) -> Iterator[bytes]:
    return _members(body, _Frame)


def _brotli(body: bytes) -> Iterator[bytes]:
    stream = brotli.Decompressor()
    yield stream.process(body, output_buffer_limit=_PIECE_BYTES)
    while not stream.is_finished():
        piece = stream.process(b"", output_buffer_limit=_PIECE_BYTES)
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

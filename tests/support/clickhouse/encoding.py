"""Compressed answers, chosen as a server chooses: what it likes best of what the client takes."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import lz4.frame
from backports import zstd


class Encoder(NamedTuple):
    """`name` is the Content-Encoding."""

    name: str
    encode: Callable[[bytes], bytes]
    finish: Callable[[], bytes]


def encoder_for(accepted: str) -> Encoder | None:
    """The best of an Accept-Encoding; None for none of ours."""
    if "zstd" in accepted:
        frame = zstd.ZstdCompressor(level=1)
        return Encoder("zstd", frame.compress, frame.flush)
    if "lz4" in accepted:
        lz4_frames = lz4.frame.LZ4FrameCompressor()
        begin = [lz4_frames.begin()]
        return Encoder(
            "lz4", lambda data: (begin.pop() if begin else b"") + lz4_frames.compress(data), lz4_frames.flush
        )
    if "gzip" in accepted:
        gzip = zlib.compressobj(1, zlib.DEFLATED, 31)
        return Encoder("gzip", gzip.compress, gzip.flush)
    return None


def encoded(pieces: Iterable[bytes], encoder: Encoder | None) -> Iterator[bytes]:
    """The pieces, compressed, none of them empty."""
    for piece in pieces:
        data = encoder.encode(piece) if encoder else piece
        if data:
            yield data
    if encoder:
        yield encoder.finish()

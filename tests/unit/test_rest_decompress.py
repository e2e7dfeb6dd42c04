"""Bodies come back as they were, and never larger than the limit."""

from __future__ import annotations

import gzip
import subprocess
import sys
import tracemalloc
import zlib
from collections.abc import Callable

import brotli
import pytest
from backports import zstd

from mesh.errors import InvalidInput
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.rest.decompress import decompress

LIMIT = 1 << 20
BODY = b'{"event_name":"tap"}' * 1000


def _raw_deflate(data: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return stream.compress(data) + stream.flush()


ENCODERS: list[tuple[bytes, Callable[[bytes], bytes]]] = [
    (b"gzip", gzip.compress),
    (b"x-gzip", gzip.compress),
    (b"GZIP", gzip.compress),
    (b"deflate", zlib.compress),
    (b"deflate", _raw_deflate),
    (b"zstd", zstd.compress),
    (b"br", brotli.compress),
    (b"identity", bytes),
]


@pytest.mark.parametrize(("encoding", "encode"), ENCODERS)
def test_a_body_comes_back_as_it_was(encoding: bytes, encode: Callable[[bytes], bytes]) -> None:
    assert decompress(encode(BODY), encoding, limit_bytes=LIMIT) == BODY


def test_a_gzip_body_may_be_of_several_members() -> None:
    assert decompress(gzip.compress(b"a") + gzip.compress(b"b"), b"gzip", limit_bytes=LIMIT) == b"ab"


@pytest.mark.parametrize(("encoding", "encode"), [ENCODERS[0], ENCODERS[5]])
def test_empty_members_count_too(encoding: bytes, encode: Callable[[bytes], bytes]) -> None:
    """A body of nothing else would be read for ever."""
    assert decompress(encode(b"") * 1000 + encode(b"a"), encoding, limit_bytes=LIMIT) == b"a"
    with pytest.raises(InvalidInput) as refused:
        decompress(encode(b"") * (1 << 20), encoding, limit_bytes=LIMIT)
    assert refused.value.http_status == 400


def test_a_zstd_frame_that_asks_for_a_large_window_is_400() -> None:
    large = zstd.compress(BODY, options={zstd.CompressionParameter.window_log: 27})
    streamed = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 27})
    unsized = streamed.compress(BODY) + streamed.flush()
    assert decompress(large, b"zstd", limit_bytes=LIMIT) == BODY, "the window of a sized frame is its size"
    with pytest.raises(InvalidInput) as refused:
        decompress(unsized, b"zstd", limit_bytes=LIMIT)
    assert refused.value.http_status == 400


@pytest.mark.parametrize(("encoding", "encode"), ENCODERS[:-1])
def test_a_bomb_is_refused_before_it_expands(encoding: bytes, encode: Callable[[bytes], bytes]) -> None:
    bomb = encode(bytes(64 << 20))
    tracemalloc.start()
    with pytest.raises(InvalidInput) as refused:
        decompress(bomb, encoding, limit_bytes=LIMIT)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert refused.value.reason == ErrorReason.ERROR_REASON_BODY_TOO_LARGE
    assert peak < 8 << 20


@pytest.mark.parametrize("encoding", [b"compress", b"gzip, gzip", b"gzip,identity", b"*"])
def test_another_encoding_is_415(encoding: bytes) -> None:
    with pytest.raises(InvalidInput) as refused:
        decompress(BODY, encoding, limit_bytes=LIMIT)
    assert refused.value.http_status == 415


@pytest.mark.parametrize(("encoding", "encode"), ENCODERS[:-1])
def test_a_cut_or_corrupt_body_is_400(encoding: bytes, encode: Callable[[bytes], bytes]) -> None:
    for body in (encode(BODY)[:-4], b"\xff\xff" + encode(BODY)):
        with pytest.raises(InvalidInput) as refused:
            decompress(body, encoding, limit_bytes=LIMIT)
        assert refused.value.http_status == 400


_BOMB = """
import resource, sys, zlib
import brotli
from backports import zstd
from mesh.errors import InvalidInput
from services.rest.decompress import decompress

EXPANDED, BLOCK = 1 << 30, bytes(1 << 20)
made = {
    "gzip": zlib.compressobj(1, wbits=31), "deflate": zlib.compressobj(1), "zstd": zstd.ZstdCompressor(1),
    "br": brotli.Compressor(quality=1),
}[sys.argv[1]]
compress = getattr(made, "compress", None) or made.process
bomb = b"".join(compress(BLOCK) for _ in range(EXPANDED >> 20)) + getattr(made, "finish", made.flush)()
rss_kib = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before = rss_kib()
try:
    decompress(bomb, sys.argv[1].encode(), limit_bytes=32 << 20)
except InvalidInput as refused:
    print(refused.http_status, len(bomb) >> 20, (rss_kib() - before) >> 10)
"""


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd", "br"])
def test_a_bomb_of_a_gibibyte_takes_no_more_memory_than_the_limit(encoding: str) -> None:
    """In a process of its own, which the kernel has measured: a decoder's memory is not Python's to count."""
    child = subprocess.run(
        [sys.executable, "-c", _BOMB, encoding], capture_output=True, text=True, check=True
    )
    status, bomb_mib, grown_mib = map(int, child.stdout.split())
    assert (status, bomb_mib < 16) == (413, True)
    assert grown_mib < 32 + 24, "the limit, and a decoder's windows"

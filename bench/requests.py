"""HTTP requests as they go over the wire, made before the load begins, so that the generator only sends."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import urlsplit


def request(method: str, url: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """A whole HTTP/1.1 request to the server of `url`."""
    sent = {"host": urlsplit(url).netloc, **headers}
    if body:
        sent["content-length"] = str(len(body))
    head = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body


def write(file: Path, requests: Iterable[bytes]) -> Path:
    """Writes them as load.lua reads them; only its owner may read the keys and tokens in it."""
    file.touch(mode=0o600)
    file.write_bytes(b"".join(b"%d\n%b\n" % (len(each), each) for each in requests))
    return file

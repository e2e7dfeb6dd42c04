"""A receiver outside the mesh: a real HTTP(S) server on 127.0.0.1 that keeps what it got."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

RECEIVER_NAME = "hooks.example.com"
LOOPBACK = "127.0.0.0/8"


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it came; header names are in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


Behave = Callable[[Received], Awaitable[bytes]]
"""The bytes of the whole answer to a request."""


def answer(status: int = 200, body: bytes = b"", **headers: str) -> bytes:
    """An HTTP answer; header names are written with _ for -."""
    lines = [f"HTTP/1.1 {status} Said", f"content-length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def _ok(_: Received) -> bytes:
    return answer()


@dataclass(slots=True)
class Receiver:
    """Takes requests at `port`; `behave` answers them, and may be changed at any time."""

    behave: Behave = _ok
    port: int = 0
    connections: int = 0
    received: list[Received] = field(default_factory=list)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def url(self) -> str:
        """By its number."""
        return f"http://127.0.0.1:{self.port}/hook"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                first, *lines = head.decode("latin-1").strip().split("\r\n")
                headers = {
                    name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)
                }
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                method, target, _ = first.split(" ")
                self.received.append(Received(method, target, headers, body))
                writer.write(await self.behave(self.received[-1]))
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # the other end is done
        finally:
            writer.close()
            self._tasks.discard(task)

    async def close(self) -> None:
        """Cuts every connection."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def receiver(behave: Behave = _ok, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """A receiver, over TLS where a context is given."""
    made = Receiver(behave)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0, ssl=tls)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        await made.close()


def receiver_tls(folder: Path, name: str = RECEIVER_NAME) -> tuple[ssl.SSLContext, Path]:
    """A server's context with a certificate for `name`, and the file of the authority to believe."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    authority, private = folder / f"{name}.pem", folder / f"{name}.key"
    authority.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8
    nothing = serialization.NoEncryption()
    private.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, nothing))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority, private)
    return context, authority

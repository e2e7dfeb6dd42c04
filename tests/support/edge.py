"""An edge in one test: the real Envoy, the real router, TLS upstreams that record every byte."""

from __future__ import annotations

import asyncio
import hashlib
import json
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from starlette.types import Receive, Scope, Send

from mesh.directory import KeyFact, OrgFact
from mesh.http import HttpListener
from sankofa.residency.v1.environment_pb2 import Environment
from services.router import build
from services.router.config import EdgeConfig
from services.router.edge import command, render_edge
from services.router.listener import listener_config
from tests.support.nodes import AF, EU, US, MemoryDirectory

HOME, AWAY, FORGED = EU, US, AF
DEADLINE_S = 20.0
EVENT = b'{"event_name": "checkout_started", "distinct_id": "user_123"}'


def key_of(region: str) -> str:
    """The one live key of a region in this test."""
    return "sk_live_" + hashlib.sha256(region.encode()).hexdigest()[:32]


@dataclass
class LateDirectory(MemoryDirectory):
    """A directory whose catalogue may not have come yet."""

    has_come: bool = True

    def default_region(self) -> str | None:
        return HOME if self.has_come else None


def filled_directory() -> LateDirectory:
    """Knows one key, project and organisation of each region."""
    directory = LateDirectory()
    for region in (HOME, AWAY, FORGED):
        fact = KeyFact(f"key_{region}", f"proj_{region}", Environment.ENVIRONMENT_LIVE, region)
        directory.keys[hashlib.sha256(key_of(region).encode()).digest()] = fact
        directory.pins[f"proj_{region}"] = region
        directory.orgs[f"org_{region}"] = OrgFact(f"org_{region}", region, 1)
    return directory


@dataclass
class Seen:
    """One request as an upstream got it."""

    line: str
    headers: list[tuple[str, str]]
    peer: str
    body: bytes = b""


@dataclass
class Upstream:
    """A stand-in for a region's shim: records what arrives, answers 200."""

    region: str
    address: str = ""
    seen: list[Seen] = field(default_factory=list)
    bytes_received: int = 0

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        certificate = writer.get_extra_info("peercert")
        peer = dict(certificate["subjectAltName"])["URI"]
        while head := await self._head(reader):
            line, *rest = head.decode("latin-1").strip().split("\r\n")
            request = Seen(line, [tuple(each.split(": ", 1)) for each in rest], peer)  # type: ignore[misc]
            self.seen.append(request)
            length = int(dict(request.headers).get("content-length", "0"))
            while len(request.body) < length:
                request.body += (piece := await reader.read(65536))
                self.bytes_received += len(piece)
            answer = json.dumps({"ok": True, "served_by": self.region}).encode()
            writer.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
                b"x-sankofa-region: %s\r\ncontent-length: %d\r\n\r\n%s"
                % (self.region.encode(), len(answer), answer)
            )
            await writer.drain()
        writer.close()

    async def _head(self, reader: asyncio.StreamReader) -> bytes:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return b""
        self.bytes_received += len(head)
        return head


@dataclass
class Mesh:
    """A running edge and what is behind it."""

    url: str
    port: int
    upstreams: dict[str, Upstream]
    client: httpx.AsyncClient
    asked: list[Scope]
    forwards: Counter[str]
    directory: LateDirectory

    def received(self) -> dict[str, int]:
        """Bytes that each upstream has got so far."""
        return {region: upstream.bytes_received for region, upstream in self.upstreams.items()}


async def until(condition: Callable[[], object], what: str) -> None:
    """Waits for a condition, with a deadline."""
    try:
        async with asyncio.timeout(DEADLINE_S):
            while not condition():  # noqa: ASYNC110 - what is waited for is another process
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"not within {DEADLINE_S} s: {what}") from None


@asynccontextmanager
async def running_upstream(region: str, pki: Path, *, certificate_of: str) -> AsyncIterator[Upstream]:
    upstream = Upstream(region)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki / certificate_of / "rest.crt", pki / certificate_of / "rest.key")
    context.load_verify_locations(pki / "trust" / f"{HOME}.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    server = await asyncio.start_server(upstream.handle, "127.0.0.1", 0, ssl=context)
    upstream.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield upstream
    finally:
        server.close()


@asynccontextmanager
async def running_router(
    directory: LateDirectory, pki: Path, asked: list[Scope], forwards: Counter[str]
) -> AsyncIterator[str]:
    app = build(directory=directory, home_region=HOME, on_forward=lambda region: forwards.update([region]))

    async def recorded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            asked.append(scope)
        await app(scope, receive, send)

    config = listener_config(app, pki_dir=pki, region=HOME)
    config.app = recorded
    server = HttpListener(config, "127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{server.port}"
    finally:
        await server.drain(1.0)


@asynccontextmanager
async def running_envoy(config: EdgeConfig, folder: Path) -> AsyncIterator[int]:
    """Envoy on free ports; yields the port of the global URL."""
    (folder / "envoy.yaml").write_text(render_edge(config))
    admin = folder / "admin"
    arguments = [*command(folder / "envoy.yaml"), "--admin-address-path", str(admin)]
    with (folder / "envoy.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(*arguments, stdout=log, stderr=log)
    try:
        await until(
            lambda: process.returncode is not None or (admin.exists() and admin.read_text()), "Envoy starts"
        )
        assert process.returncode is None, (folder / "envoy.log").read_text()
        async with httpx.AsyncClient(base_url=f"http://{admin.read_text()}", trust_env=False) as client:
            async with asyncio.timeout(DEADLINE_S):
                while (await client.get("/ready")).status_code != 200:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            listeners = (await client.get("/listeners", params={"format": "json"})).json()
        yield listeners["listener_statuses"][0]["local_address"]["socket_address"]["port_value"]
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@asynccontextmanager
async def running_mesh(folder: Path, pki: Path, *, with_router: bool = True) -> AsyncIterator[Mesh]:
    directory = filled_directory()
    asked: list[Scope] = []
    forwards: Counter[str] = Counter()
    async with (
        running_upstream(HOME, pki, certificate_of=HOME) as home,
        running_upstream(AWAY, pki, certificate_of=AWAY) as away,
        running_upstream(FORGED, pki, certificate_of=AWAY) as forged,
        running_router(directory, pki, asked, forwards) as router,
    ):
        config = EdgeConfig(
            region=HOME,
            pki_dir=str(pki),
            address="127.0.0.1:0",
            router_address=router if with_router else "127.0.0.1:1",
            upstreams={each.region: each.address for each in (home, away, forged)},
        )
        async with running_envoy(config, folder) as port:
            url = f"http://127.0.0.1:{port}"
            async with httpx.AsyncClient(base_url=url, timeout=DEADLINE_S, trust_env=False) as client:
                upstreams = {each.region: each for each in (home, away, forged)}
                yield Mesh(url, port, upstreams, client, asked, forwards, directory)

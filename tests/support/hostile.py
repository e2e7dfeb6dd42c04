"""A shim in front of a real cell, and a client without manners: what it writes is what the shim gets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from tests.support import rows
from tests.support.cell import Cell
from tests.support.nodes import EU
from tests.support.shim import Running, start_shim

DEADLINE_S = 30.0
GOOD = b'{"event_name":"tap","distinct_id":"neighbour"}'


@dataclass(frozen=True)
class Reply:
    """An answer as it came over the wire."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error(self) -> str:
        """The words of a refusal, which has the shape and the headers of every refusal."""
        found = msgspec.json.decode(self.body)
        assert found["ok"] is False and found["request_id"] == self.headers["x-request-id"]
        assert self.headers["x-sankofa-region"] == EU
        return str(found["error"])

    @classmethod
    def read(cls, raw: bytes) -> tuple[Reply, bytes]:
        """The first answer in `raw`, and what follows it."""
        head, found, rest = raw.partition(b"\r\n\r\n")
        assert found, f"no answer: {raw!r}"
        status, *lines = head.decode("latin-1").split("\r\n")
        assert status.startswith("HTTP/1.1 "), status
        headers = dict(line.lower().split(": ", 1) for line in lines)
        length = int(headers.get("content-length", 0))
        return cls(int(status[9:12]), headers, rest[:length]), rest[length:]


@dataclass
class Attacked:
    """One project's way in and out. `port` is the public one."""

    shim: Running
    cell: Cell
    project_id: str
    key: str
    token: str

    @property
    def port(self) -> int:
        return self.shim.server.public_port

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection that nothing has been sent on."""
        return await asyncio.open_connection("127.0.0.1", self.port, limit=64 << 20)

    async def raw(self, *pieces: bytes) -> bytes:
        """Everything that is answered to these bytes until the shim ends the connection."""
        reader, writer = await self.open()
        answer = asyncio.create_task(all_of(reader))
        try:
            async with asyncio.timeout(DEADLINE_S):
                with suppress(ConnectionError):  # the shim need not read all that is sent to it
                    for piece in pieces:
                        writer.write(piece)
                        await writer.drain()
                return await answer
        finally:
            answer.cancel()
            writer.close()

    async def exchange(self, *pieces: bytes) -> Reply:
        """The one answer to these bytes, after which the shim ends the connection."""
        reply, rest = Reply.read(await self.raw(*pieces))
        assert not rest, rest
        return reply

    def head(self, *lines: str, path: str = "/api/v1/track", method: str = "POST", key: bool = True) -> bytes:
        """A request's head, ended; with the project's key unless `key` is false."""
        own = (f"x-api-key: {self.key}",) if key else ()
        return "\r\n".join((f"{method} {path} HTTP/1.1", "host: x", *own, *lines, "", "")).encode("latin-1")

    async def post(self, body: bytes, *lines: str, path: str = "track", close: bool = True) -> Reply:
        """Sends a whole body with its length, and nothing else."""
        end = ("connection: close",) if close else ()
        head = self.head(f"content-length: {len(body)}", *end, *lines, path=f"/api/v1/{path}")
        return await self.exchange(head + body)

    async def get(self, path: str) -> bytes:
        """An answer of the query API about the project, as its bytes."""
        headers = {"authorization": f"Bearer {self.token}"}
        answer = await self.shim.http.get(f"/api/v1/projects/{self.project_id}/{path}", headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.content

    async def events(self, query: str = "") -> list[dict[str, Any]]:
        """All that is stored, newest first; bags are msgspec.Raw of the bytes that came back."""
        await self.cell.flushed()
        page = msgspec.json.decode(await self.get(f"events?limit=1000{query}"), type=_Page)
        assert page.next_cursor is None
        return page.events

    async def untouched(self) -> None:
        """What has to be true after any attack: the next client is served, and nothing is a dead letter."""
        reply = await self.post(GOOD)
        assert reply.status == 200
        await self.cell.flushed()
        assert self.cell.log.stats().dead_letters == 0
        assert b'"distinct_id":"neighbour"' in await self.get("events?limit=1&distinct_id=neighbour")


async def all_of(reader: asyncio.StreamReader) -> bytes:
    """What comes until the connection ends, in whatever way it does."""
    found = []
    with suppress(ConnectionError):
        while piece := await reader.read(1 << 16):
            found.append(piece)
    return b"".join(found)


class _Page(msgspec.Struct):
    events: list[dict[str, msgspec.Raw]]
    next_cursor: str | None


@asynccontextmanager
async def attackable(pki: Path, cell: Cell, **settings: Any) -> AsyncIterator[Running]:
    """A shim before a cell, with the limits of production but for those in `settings` (RestConfig's)."""
    async with AsyncExitStack() as stack:
        address = f"127.0.0.1:{cell.server.internal_port}"
        sizes = {"max_body_bytes": 32 << 20, "max_inflight_requests": 8192}
        yield await start_shim(stack, pki, cell.directory, cell_address=address, **sizes | settings)


@asynccontextmanager
async def attacked(shim: Running, cell: Cell) -> AsyncIterator[Attacked]:
    """A new project behind a shim; all is sound when the context ends."""
    project_id = await cell.project()
    key = f"sk_live_{project_id:0>32}"
    await cell.directory.apply([rows.api_key(key, EU, project_id)])
    target = Attacked(shim, cell, project_id, key, await cell.token(project_id))
    yield target
    await target.untouched()


def small_window() -> socket.socket:
    """A socket whose receive buffer is as small as the system allows: a client that hardly reads."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    made.setblocking(False)
    return made

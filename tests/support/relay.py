"""Distance between regions: a TCP relay on 127.0.0.1 that passes every byte on later, and counts it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

CHUNK_BYTES = 1 << 16


@dataclass(slots=True)
class Relay:
    """Stands before `target`. `taken_bytes` and `carried_bytes` count both directions, as they come and go.

    While `open` is cleared nothing gets through and nothing is lost: the way between two regions is cut.
    """

    target: str
    delay_s: float
    address: str = ""
    connections: int = 0
    taken_bytes: int = 0
    carried_bytes: int = 0
    open: asyncio.Event = field(default_factory=asyncio.Event)
    _running: set[asyncio.Task[None]] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until one of its ends leaves."""
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        self.connections += 1
        host, _, port = self.target.rpartition(":")
        try:
            onward_reader, onward_writer = await asyncio.open_connection(host, int(port))
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pass_on(reader, onward_writer))
                both.create_task(self._pass_on(onward_reader, writer))
        except* (OSError, asyncio.CancelledError):
            pass  # nobody listens there yet, or one end is gone: the other one hears it now
        finally:
            writer.close()
            self._running.discard(task)

    async def close(self) -> None:
        """Cuts every connection."""
        for task in list(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Reads at once, so that a delay does not narrow the way, and writes each piece when it is due."""
        loop = asyncio.get_running_loop()
        pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def write() -> None:
            while True:
                due_s, piece = await pieces.get()
                await asyncio.sleep(due_s - loop.time())
                await self.open.wait()
                if not piece:
                    raise ConnectionResetError("this end is done")
                writer.write(piece)
                await writer.drain()
                self.carried_bytes += len(piece)

        async def read() -> None:
            piece = b"-"
            while piece:
                piece = await reader.read(CHUNK_BYTES)
                self.taken_bytes += len(piece)
                pieces.put_nowait((loop.time() + self.delay_s, piece))

        try:
            async with asyncio.TaskGroup() as two:
                two.create_task(read())
                two.create_task(write())
        finally:
            writer.close()


@asynccontextmanager
async def relay(target: str, *, delay_s: float) -> AsyncIterator[Relay]:
    """A relay to "host:port" that takes connections at `address`."""
    made = Relay(target, delay_s)
    made.open.set()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield made
    finally:
        server.close()
        await made.close()

"""The connection to NATS, in an event loop of its own: the log's callers block, or have loops of their own.

A connection that is cut, or on which something was not answered in time, is left and another one is made. The
driver's own way of connecting again waits until the old connection has sent what it still has, which on a
dead one is never (seen); and what it is given meanwhile it sends later, when nobody waits for it.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Coroutine, Mapping
from typing import Any, Final, TypeVar

from nats.aio.client import Client
from nats.errors import Error as NatsError

from storage.log import LogFailed

T = TypeVar("T")

CALL_S: Final = 5.0
CONNECT_S: Final = 5.0
PAUSE_S: Final = 0.05
_LOOK_S: Final = 0.1
_PING_S: Final = 5

_log = logging.getLogger(__name__)


class Lost(Exception):
    """No answer: it may have been done, or be done later, or never."""


class Connection:
    """One at a time, and the thread that it lives in. Coroutines here are for that thread's loop."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="nats", daemon=True)
        self._thread.start()
        self._client: Client | None = None
        self._connecting = asyncio.Lock()
        self._left: set[asyncio.Task[None]] = set()
        self._last_error, self._denial = "no answer", ""
        self.server: Mapping[str, Any] = {}
        """What the server said of itself: server_id, version, max_payload, …"""

    def open(self) -> None:
        """Connects, and ends with a LogFailed where nobody answers, or not to this user."""
        try:
            self.wait(self.client(), CONNECT_S)
        except Lost:
            self.close()
            where = self._url.rpartition("@")[2].removeprefix("nats://")
            raise LogFailed(
                detail=f"NATS at {where} does not let us in: {self._denial or self._last_error}"
            ) from None

    def wait(self, work: Coroutine[Any, Any, T], timeout_s: float | None = CALL_S) -> T:
        """Runs it in the connection's loop, blocking. Raises Lost past the time."""

        async def bounded() -> T:
            async with asyncio.timeout(timeout_s):
                return await work

        try:
            return asyncio.run_coroutine_threadsafe(bounded(), self._loop).result()
        except TimeoutError:
            raise Lost from None

    def close(self) -> None:
        """Ends the connection and the thread."""
        self.wait(self._end(), None)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def client(self) -> Client:
        """A client that is connected, as soon as there is one."""
        async with self._connecting:
            while self._client is None or not self._client.is_connected:
                self._leave(self._client)
                self._client = Client()
                try:
                    await self._client.connect(
                        self._url,
                        allow_reconnect=False,
                        connect_timeout=int(CONNECT_S),
                        ping_interval=_PING_S,
                        error_cb=self._note,
                    )
                    self.server = self._client._server_info
                except (NatsError, OSError, TimeoutError) as error:
                    await self._note(error)
                    await asyncio.sleep(PAUSE_S)
            return self._client

    async def guarded(self, client: Client, call: Coroutine[Any, Any, T]) -> T:
        """The answer of a call of the driver. Raises Lost where there is none, or the connection ends."""
        task: asyncio.Task[T] = asyncio.ensure_future(call)
        try:
            while not task.done() and client.is_connected:
                await asyncio.wait({task}, timeout=_LOOK_S)
            if task.done():
                return task.result()
        except TimeoutError:
            self._leave(client)  # whatever holds up this answer may hold up the next
        except NatsError as error:  # also of a server that runs, and its JetStream does not yet
            _log.debug("NATS: %s", error)
        finally:
            task.cancel()
        raise Lost

    def _leave(self, client: Client | None) -> None:
        """Closes it on the side: that may take for ever."""
        if client is None:
            return
        if client is self._client:
            self._client = None
        closing = asyncio.ensure_future(_closed(client))
        self._left.add(closing)
        closing.add_done_callback(self._left.discard)

    async def _end(self) -> None:
        self._leave(self._client)
        if self._left:
            await asyncio.wait(list(self._left), timeout=CALL_S)
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _note(self, error: Exception) -> None:
        text = str(error) or type(error).__name__
        if "Authorization" in text:  # the reset of the connection that follows it says less
            self._denial = text
        if text != self._last_error:
            self._last_error = text
            _log.warning("NATS: %s", text)


async def _closed(client: Client) -> None:
    try:
        async with asyncio.timeout(CALL_S):
            await client.close()
    except (NatsError, OSError, TimeoutError) as error:
        _log.debug("a connection to NATS did not end in order: %s", error)

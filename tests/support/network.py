"""A network that fails on purpose: a TCP forwarder that holds or cuts what passes, once, where it is told."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Final

_STEP: Final = 1 << 16
_SOME: Final = 5_000
_POLL_S: Final = 0.05
WAIT_S: Final = 30.0


class Fault(Enum):
    """What happens to a request that was asked for, and to its answer."""

    HOLD_BODY = "the rest of its body comes when nobody waits for an answer any more"
    HOLD_REQUEST = "all of it comes then"
    CUT_BODY = "cut within its body"
    HOLD_ANSWER = "done, and the answer never comes"
    CUT_ANSWER = "done, and the connection cut before the answer"


class Network:
    """Forwards connections to a port of 127.0.0.1. `port` is its own."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._armed: tuple[bytes, Fault] | None = None
        self._marker = b"\0"
        self.struck, self.released = threading.Event(), threading.Event()
        self.seen = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def fail(self, marker: bytes, fault: Fault) -> None:
        """The next request with these bytes meets the fault. `seen` counts all that have them."""
        self._marker, self._armed = marker, (marker, fault)

    def close(self) -> None:
        """Takes no more connections, and lets go what was held."""
        self._listener.close()
        self.released.set()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
                pair = _Pair(self, client, server)
                for work in (pair.requests, pair.answers):
                    threading.Thread(target=work, daemon=True).start()

    def meets(self, data: bytes) -> Fault | None:
        """The fault of a request that begins so; each is met once."""
        if self._marker not in data:
            return None
        self.seen += 1
        armed, self._armed = self._armed, None
        return armed[1] if armed else None


class _Pair:
    """One connection. A request that meets a fault is the last on it."""

    def __init__(self, network: Network, client: socket.socket, server: socket.socket) -> None:
        self._network, self._client, self._server = network, client, server
        self._fault: Fault | None = None

    def requests(self) -> None:
        with contextlib.suppress(OSError), self._server:
            while data := self._client.recv(_STEP):
                self._fault = self._fault or self._network.meets(data)
                if self._fault is Fault.CUT_BODY:
                    self._deliver_beginning(data)
                    self._end()
                elif self._fault is Fault.HOLD_BODY:
                    self._hold(self._deliver_beginning(data))
                elif self._fault is Fault.HOLD_REQUEST:
                    self._hold(data)
                else:
                    self._server.sendall(data)
            if self._fault:
                self._network.released.wait(WAIT_S)

    def answers(self) -> None:
        with contextlib.suppress(OSError), self._client:
            while data := self._server.recv(_STEP):
                if self._fault is Fault.CUT_ANSWER:
                    self._end()
                elif self._fault is Fault.HOLD_ANSWER:
                    self._network.struck.set()
                    self._network.released.wait(WAIT_S)
                self._client.sendall(data)

    def _deliver_beginning(self, data: bytes) -> bytes:
        """Delivers the headers and a little of the body; what was taken beyond."""
        while len(data) - (body := data.find(b"\r\n\r\n")) < _SOME or body < 0:
            data += self._client.recv(_STEP)
        self._server.sendall(data[: body + _SOME])
        return data[body + _SOME :]

    def _hold(self, data: bytes) -> None:
        """Takes what comes, as if it were sent, and delivers it once it is told to; then all goes on."""
        held, gone = [data], False
        self._network.struck.set()
        while not self._network.released.is_set():
            ready, _, _ = select.select([] if gone else [self._client], [], [], _POLL_S)
            if ready:
                held.append(self._client.recv(_STEP))
                gone = not held[-1]
        self._fault = None
        self._server.sendall(b"".join(held))

    def _end(self) -> None:
        self._network.struck.set()
        for end in (self._client, self._server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextmanager
def network_to(target: int) -> Iterator[Network]:
    """A network for the block."""
    network = Network(target)
    try:
        yield network
    finally:
        network.close()

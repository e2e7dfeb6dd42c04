"""What the server's protocol writes to: one packet for an answer, and a close that loses none.

uvicorn writes the head and the body of an answer apart, and each write is a
system call: the head waits for what follows it in the same step.

A plain close makes the kernel answer what is still arriving with a reset, and
the reset can overtake the answer (RFC 9112, 9.6): so the sending side is shut
first, and what still comes is thrown away for a moment.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LINGER_S: Final = 2.0


class LingeringTransport:
    """What uvicorn's protocol uses of a transport; `close` lingers where a body is unread."""

    def __init__(self, transport: asyncio.Transport, protocol: HttpToolsProtocol) -> None:
        self._transport = transport
        self._protocol = protocol
        self.lingering = False
        self._head = b""
        self.get_extra_info = transport.get_extra_info

    def write(self, data: bytes) -> None:
        """Holds the head of an answer until its body is written, or `flush` says that there is none."""
        if self._head:
            data, self._head = self._head + data, b""
        elif data.startswith(b"HTTP/1.") and not data.startswith(b"HTTP/1.1 1"):
            self._head = data
            return
        self._transport.write(data)

    def flush(self) -> None:
        """Writes what is held."""
        if self._head:
            head, self._head = self._head, b""
            self._transport.write(head)

    def is_closing(self) -> bool:
        """Also true while lingering: nothing more is answered here."""
        return self.lingering or self._transport.is_closing()

    def close(self) -> None:
        """Closes, at once where everything sent has been read."""
        cycle: Any = self._protocol.cycle
        if self.is_closing() or cycle is None or not cycle.more_body:
            self.flush()
            self._transport.close()
        else:
            self.linger()

    def linger(self) -> None:
        """Closes once the client has had a moment to read its answer."""
        self.flush()
        self.lingering = True
        if self._transport.can_write_eof():
            self._transport.write_eof()
        self._protocol.flow.resume_reading()
        self._protocol.loop.call_later(LINGER_S, self._transport.close)

"""What uvicorn's protocol lacks for strangers: bounds, half-closed connections, refusals in our own shape."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import ClassVar

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from mesh.errors import InvalidInput, SankofaError, Unavailable
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.rest.connections import Connections, Stage
from services.rest.express import Express, ExpressCycle
from services.rest.lingering import LingeringTransport
from services.rest.responses import RequestIds, error_answer


class PublicProtocol(HttpToolsProtocol):
    """One connection. What they share is on the class: uvicorn makes one of these for each of them."""

    region: ClassVar[str] = ""
    ids: ClassVar[RequestIds]
    open: ClassVar[Connections]
    express: ClassVar[Express | None] = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """What the application sends goes out over a transport that lingers."""
        super().connection_made(transport)
        self._wire = transport
        self.transport = self._lingering = LingeringTransport(transport, self)  # type: ignore[assignment]
        self._received = self._piece_bytes = self._fruitless_bytes = 0
        self._refusal: SankofaError | None = None
        self._deaf = False
        if not self.open.enter(self):
            self.refuse(Unavailable())

    def connection_lost(self, exc: Exception | None) -> None:
        """It counts no more."""
        self.open.leave(self)
        cycle = self.cycle
        if isinstance(cycle, ExpressCycle) and cycle.more_body:
            cycle.leave()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Past the last answer, what arrives is thrown away. What never comes to an end is cut off."""
        if self._deaf or self._lingering.lingering:
            return
        self._unset_keepalive_if_required()
        self._piece_bytes = len(data)
        self._received += self._piece_bytes
        before = self._waits_for()
        self._feed(data)
        if before is None or before != self._waits_for():
            self._fruitless_bytes = 0
            return
        self._fruitless_bytes += self._piece_bytes
        if self._fruitless_bytes > self.open.patience.max_head_bytes:
            self.refuse(InvalidInput(ErrorReason.ERROR_REASON_HEADERS_TOO_LARGE))

    def _waits_for(self) -> tuple[object, int] | None:
        """The head, or the body of so many bytes, that has begun to come."""
        cycle = self.cycle
        if cycle is not None and cycle.more_body:
            return cycle, len(cycle.body)
        return (self.scope, 0) if self._in_head() else None

    def _feed(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self.send_400_response("")
        except httptools.HttpParserUpgrade as upgrade:
            self._decline(data[upgrade.args[0] :])

    def _decline(self, rest: bytes) -> None:
        """An offer to change the protocol is not taken (RFC 9110, 7.8): the request is read again without it.

        The parser has skipped its body, and would take it for the next request.
        """
        head = b"%b %b HTTP/%b\r\n" % (
            self.parser.get_method(),
            self.url,
            self.parser.get_http_version().encode("ascii"),
        )
        kept = (b"%b: %b\r\n" % header for header in self.headers if header[0] != b"upgrade")
        self.parser = httptools.HttpRequestParser(self)
        self._feed(b"".join((head, *kept, b"\r\n", rest)))

    def on_headers_complete(self) -> None:
        """Refuses other versions, and a head over its bounds: only large or many pieces can be."""
        limits = self.open.patience
        if self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT":
            return
        if self.parser.get_http_version() not in ("1.1", "1.0"):
            raise httptools.HttpParserError
        too_large = self._fruitless_bytes + self._piece_bytes > limits.max_head_bytes and (
            len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
            > limits.max_head_bytes
        )
        if too_large or len(self.headers) > limits.max_headers:
            self._refusal = InvalidInput(ErrorReason.ERROR_REASON_HEADERS_TOO_LARGE)
            raise httptools.HttpParserError
        plain = self.express.board(self) if self.express and not self._lingering.lingering else None
        if plain is None:
            super().on_headers_complete()
        else:
            self.scope["method"] = "POST"
            self.cycle = plain  # type: ignore[assignment]
            plain.begin()
        self.headers = []  # where trailers go, which are no headers (RFC 9110, 6.5.1)

    def on_body(self, body: bytes) -> None:
        """A plain request's is short, and held as it comes."""
        cycle: object = self.cycle
        if isinstance(cycle, ExpressCycle):
            cycle.take(body)
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Nothing is complete that is read again; a plain request goes on from here."""
        cycle: object = self.cycle
        if isinstance(cycle, ExpressCycle):
            cycle.complete()
        elif not self.parser.should_upgrade():
            super().on_message_complete()

    def express_answer(self, answer: bytes, *, close: bool) -> None:
        """Writes the answer to a plain request."""
        self._wire.write(answer)
        self.on_response_complete()
        if close:
            self.transport.close()

    def eof_received(self) -> bool | None:  # type: ignore[override]
        """A client that has sent all it will is answered; one that breaks off in a request is not."""
        cycle = self.cycle
        if cycle is None or cycle.response_complete or cycle.more_body or self.scheme == "https":
            return None
        cycle.keep_alive = False
        return True

    def on_response_complete(self) -> None:
        """An answer without a body is complete with its head."""
        self._lingering.flush()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """Called instead of the application where the request can't be parsed."""
        cycle = self.cycle
        if self.pipeline or (cycle and not cycle.response_complete and not cycle.more_body):
            cycle.keep_alive = False  # what came before it is answered, and then the connection ends
            self._deaf = True
            return
        self.refuse(self._refusal or InvalidInput(ErrorReason.ERROR_REASON_INVALID_REQUEST))

    def refuse(self, error: SankofaError, request_id: bytes = b"") -> None:
        """Answers in place of the application, if it has not, and ends the connection."""
        cycle = self.cycle
        if cycle is None or not (cycle.more_body and cycle.response_complete):
            self.transport.write(self._refusal_of(error, request_id or self.ids.of(None)))
        self._lingering.linger()
        if cycle is not None and not cycle.response_complete:  # the application hears that nobody waits
            cycle.disconnected = True
            cycle.message_event.set()

    def _refusal_of(self, error: SankofaError, request_id: bytes) -> bytes:
        answer = error_answer(error, request_id=request_id, close=True)
        lines = [
            f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}",
            f"x-sankofa-region: {self.region}",
            f"x-request-id: {request_id.decode('ascii')}",
            *(f"{name.decode('ascii')}: {value.decode('ascii')}" for name, value in answer.headers),
        ]
        return "\r\n".join((*lines, "", "")).encode("ascii") + answer.body

    def stage(self) -> tuple[Stage, object, int]:
        """For `Connections`."""
        unread = self._wire.get_write_buffer_size()
        cycle = self.cycle
        if unread:
            return Stage.READING, cycle, unread
        if self._lingering.lingering:
            return Stage.ANSWER, cycle, 0
        if cycle is not None and cycle.more_body and not self.pipeline:
            return Stage.BODY, cycle, self._received
        if cycle is not None and not cycle.response_complete:
            return Stage.ANSWER, cycle, 0
        if self._in_head():
            return Stage.HEAD, self.scope, self._received
        return (Stage.OPENING if cycle is None else Stage.IDLE), cycle, 0

    def out_of_patience(self, stage: Stage) -> None:
        """For `Connections`."""
        if stage in (Stage.HEAD, Stage.BODY):
            self.refuse(InvalidInput(ErrorReason.ERROR_REASON_REQUEST_TIMEOUT))
        elif stage is Stage.READING:
            self._wire.abort()
        else:
            self._lingering.linger()

    def _in_head(self) -> bool:
        return self.scope is not None and "method" not in self.scope

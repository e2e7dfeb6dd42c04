"""The short way of plain ingestion requests: from the parser to the coalescer and back, without a task.

Plain is a POST to an ingestion path, of a length that is said and small, that brings no header which needs
more than a look (`_SPECIAL`) and is not sampled for a trace: nearly all of them. Everything else goes through
the ASGI application (app.py). The rules are one object either way (ingestion.py), and so are the answers,
byte for byte: a test sends each request both ways.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from mesh.errors import SankofaError
from sankofa.ingest.v1.ingest_pb2 import AppendItem, AppendResult
from services.rest.ingestion import LARGE_BYTES, Ingestion, Passage
from services.rest.responses import Answer, RequestIds, error_answer

if TYPE_CHECKING:
    from services.rest.protocol import PublicProtocol

_SPECIAL: Final = frozenset(
    (b"content-encoding", b"transfer-encoding", b"expect", b"origin", b"traceparent", b"upgrade")
)
_LENGTH_DIGITS: Final = 9
_STATUS_LINES: Final = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}

log = logging.getLogger(__name__)


class Express:
    """What decides whether a request goes the short way, and what all that do have in common."""

    def __init__(
        self,
        *,
        region: str,
        ingestion: Ingestion,
        ids: RequestIds,
        trace_ratio: float,
        on_edge_request: Callable[[int], None],
    ) -> None:
        self.ingestion = ingestion
        self.ids = ids
        self.on_edge_request = on_edge_request
        self.region_line = f"x-sankofa-region: {region}\r\nx-request-id: ".encode()
        self._trace_ratio = trace_ratio
        self._routes = {path.encode(): route for path, route in ingestion.routes.items()}

    def board(self, protocol: PublicProtocol) -> ExpressCycle | None:
        """The request whose headers have come, if it is plain; None for one that takes the long way."""
        route, before = self._routes.get(protocol.url), protocol.cycle
        if route is None or protocol.flow.write_paused or not (before is None or before.response_complete):
            return None
        sent = dict(protocol.headers)
        if len(sent) != len(protocol.headers) or not _SPECIAL.isdisjoint(sent):
            return None
        length, parser = sent.get(b"content-length", b""), protocol.parser
        if (
            not sent.get(b"x-api-key")
            or not length.isdigit()
            or len(length) > _LENGTH_DIGITS
            or int(length) > min(LARGE_BYTES, self.ingestion.max_body_bytes)
        ):
            return None
        if parser.get_method() != b"POST" or parser.get_http_version() != "1.1":
            return None
        if self._trace_ratio and random.random() < self._trace_ratio:
            protocol.scope["sankofa.sampled"] = True  # type: ignore[typeddict-unknown-key]
            return None
        try:
            passage = self.ingestion.enter(route, protocol.scope, sent, declared_bytes=int(length))
        except SankofaError as refusal:
            return ExpressCycle(self, protocol, sent, refusal)
        except Exception:  # a defect: the long way meets it too, logs it and answers 500
            return None
        try:
            if self.ingestion.in_budget(passage):
                return ExpressCycle(self, protocol, sent, passage)
        except SankofaError as refusal:
            passage.leave()
            return ExpressCycle(self, protocol, sent, refusal)
        passage.leave()
        return None  # more has to be asked for, and waited for


class ExpressCycle:
    """One plain request. To uvicorn's protocol it is what its own RequestResponseCycle is."""

    __slots__ = (
        "_express",
        "_item",
        "_passage",
        "_protocol",
        "_refused",
        "_sent",
        "body",
        "disconnected",
        "keep_alive",
        "more_body",
        "response_complete",
    )

    def __init__(
        self,
        express: Express,
        protocol: PublicProtocol,
        sent: Mapping[bytes, bytes],
        decided: Passage | SankofaError,
    ) -> None:
        self._express = express
        self._protocol = protocol
        self._sent = sent
        self.body = b""
        self._item: AppendItem | None = None
        self._passage = decided if isinstance(decided, Passage) else None
        self._refused = decided if isinstance(decided, SankofaError) else None
        self.keep_alive = protocol.parser.should_keep_alive()
        self.more_body = True
        self.disconnected = self.response_complete = False

    @property
    def message_event(self) -> ExpressCycle:
        """Nobody waits for an event here."""
        return self

    def set(self) -> None:
        """As of an event: uvicorn says that there is news, and it is looked at where it matters."""

    def begin(self) -> None:
        """Where it was refused, says so: its body is not read, and the connection ends."""
        if self._refused is not None:
            self._count_transit()
            self._protocol.refuse(self._refused, self._express.ids.of(self._sent.get(b"x-request-id")))
            self.response_complete = True

    def take(self, piece: bytes) -> None:
        """Some of the body; of one that was refused, it is thrown away."""
        if not self.response_complete:
            self.body = self.body + piece if self.body else piece

    def complete(self) -> None:
        """All of the body: on to the coalescer, which settles it."""
        passage = self._passage
        if passage is None:
            return
        self.more_body = False
        try:
            self._item = passage.item(self.body, self._sent)
        except SankofaError as error:
            self.settle(error)
        else:
            self._express.ingestion.appender.submit(self._item, size_bytes=len(self.body), answerer=self)

    @property
    def gone(self) -> bool:
        """Whether the client has left: what was not sent yet need not be."""
        return self.disconnected

    def settle(self, outcome: AppendResult | SankofaError) -> None:
        """Answers the client."""
        request_id = self._express.ids.of(self._sent.get(b"x-request-id"))
        try:
            answer = self._answer(outcome)
        except SankofaError as error:
            answer = error_answer(error, request_id=request_id)
        except Exception:
            log.exception("a request failed")
            answer = error_answer(SankofaError(), request_id=request_id)
        self.leave()
        self.response_complete = True
        if not self.disconnected:
            self._send(answer, request_id)

    def leave(self) -> None:
        """Gives back its place, once."""
        passage, self._passage = self._passage, None
        if passage is not None:
            passage.leave()
            self._count_transit()

    def _count_transit(self) -> None:
        if self._protocol.app_state.get("via_edge"):
            self._express.on_edge_request(len(self.body))

    def _answer(self, outcome: AppendResult | SankofaError) -> Answer:
        if isinstance(outcome, SankofaError):
            raise outcome
        assert self._passage is not None and self._item is not None
        return self._passage.answer(self._item, outcome)

    def _send(self, answer: Answer, request_id: bytes) -> None:
        lines = [_STATUS_LINES[answer.status], self._express.region_line, request_id, b"\r\n"]
        for name, value in answer.headers:
            lines += (name, b": ", value, b"\r\n")
        if not self.keep_alive:
            lines.append(b"connection: close\r\n")
        lines += (b"\r\n", answer.body)
        self._protocol.express_answer(b"".join(lines), close=not self.keep_alive)

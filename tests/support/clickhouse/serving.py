"""Requests and answers: one thread a connection, as many as come."""

from __future__ import annotations

import secrets
import socket
import string
from collections.abc import Iterator
from contextlib import closing, suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from tests.support.clickhouse.arriving import Asked, asked_of, check_password
from tests.support.clickhouse.bodies import body_of
from tests.support.clickhouse.encoding import encoded, encoder_for
from tests.support.clickhouse.errors import ServerError, refused
from tests.support.clickhouse.running import Running
from tests.support.clickhouse.session import Answer, Session

RECEIVE_TIMEOUT_S = 30


class Served(NamedTuple):
    """One server: the engine's folder with its options, and who may ask."""

    path: str
    version: str
    user: str
    password: str
    running: Running


class Handler(BaseHTTPRequestHandler):
    """Answers the requests of one connection."""

    protocol_version = "HTTP/1.1"
    timeout = RECEIVE_TIMEOUT_S
    disable_nagle_algorithm = True

    def __init__(self, served: Served, *args: object) -> None:
        self._served = served
        self._began = False
        super().__init__(*args)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        if path in ("/ping", "/") and "query=" not in query:
            self._plain(200, b"Ok.\n")
        elif path == "/":
            self._answer(query)
        else:
            self._plain(404, f"There is no handle {path}\n\n".encode())

    def do_POST(self) -> None:
        self._answer(self.path.partition("?")[2])

    def log_message(self, *_: object) -> None: ...

    def _answer(self, query: str) -> None:
        """Whatever fails: an error of its own while nothing was sent, else within the answer."""
        self._began = False
        tag = "".join(secrets.choice(string.ascii_lowercase) for _ in range(16))
        try:
            check_password(query, self.headers, self._served.user, self._served.password)
            body = body_of(self.rfile, self.headers)
            asked = asked_of(self.command, query, self.headers, body)
            stop_arriving = partial(self.connection.shutdown, socket.SHUT_RD)
            running = self._served.running
            with (
                running.run(asked.query_id, partial(_quietly, stop_arriving)) as statement,
                closing(Session(self._served.path, asked, running)) as session,
            ):
                self._send(asked, session.run(statement, body), tag)
        except TimeoutError:
            self._fail(refused(209, "SOCKET_TIMEOUT", "Timeout exceeded while reading from socket"), tag)
        except ServerError as error:
            self._fail(error, tag)
        except ConnectionError:
            self.close_connection = True

    def _send(self, asked: Asked, answer: Answer, tag: str) -> None:
        """The first piece comes before the headers: what fails until then has a status of its own."""
        compress = asked.settings.get("enable_http_compression") == "1"
        encoder = encoder_for(self.headers.get("Accept-Encoding", "")) if compress else None
        pieces = encoded(answer.pieces, encoder)
        first = next(pieces, b"")
        self.send_response(200)
        for name, value in {
            "X-ClickHouse-Query-Id": asked.query_id,
            "X-ClickHouse-Summary": answer.summary,
            "X-ClickHouse-Timezone": "UTC",
            "X-ClickHouse-Exception-Tag": tag,
            "X-ClickHouse-Format": answer.format,
            "Content-Encoding": encoder.name if encoder else "",
            "Transfer-Encoding": "chunked",
        }.items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        self._began = True
        self._chunks(first, pieces)

    def _chunks(self, first: bytes, pieces: Iterator[bytes]) -> None:
        if first:
            self._chunk(first)
        for piece in pieces:
            self._chunk(piece)
        self._chunk(b"")

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))

    def _fail(self, error: ServerError, tag: str) -> None:
        """The rest of the request is not read, so the connection ends with the answer."""
        self.close_connection = True
        text = error.body(self._served.version)
        if not self._began:
            self._plain(error.status, text, {"X-ClickHouse-Exception-Code": str(error.code)})
            return
        end = b"%d %b\r\n__exception__\r\n" % (len(text), tag.encode())
        self._chunk(b"\r\n__exception__\r\n%b\r\n%b%b" % (tag.encode(), text, end))
        self._chunk(b"")

    def _plain(self, status: int, text: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(text)


def _quietly(stop: object) -> None:
    with suppress(OSError):
        stop()  # type: ignore[operator]


def listener(port: int, served: Served) -> ThreadingHTTPServer:
    """A server on 127.0.0.1; port 0 for any."""
    ThreadingHTTPServer.daemon_threads = True
    ThreadingHTTPServer.request_queue_size = 128
    return ThreadingHTTPServer(("127.0.0.1", port), partial(Handler, served))  # type: ignore[arg-type]

"""One statement on the engine: its settings, its rows or its answer. The next one starts afresh."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from io import BufferedReader
from typing import Any, NamedTuple

import chdb

from tests.support.clickhouse.arriving import Asked
from tests.support.clickhouse.errors import ServerError
from tests.support.clickhouse.running import Running, Statement

_AS_A_SERVER = {"mutations_sync": "0", "async_insert": "1"}
"""Where the embedded engine's defaults are others than a server's."""

_STEP = 1 << 18
_OUR_ID = "Settings['log_comment']"
_KILL = re.compile(
    r"\s*KILL\s+QUERY\s+WHERE\s+(?P<which>.*?)(?P<sync>\s+SYNC|\s+ASYNC|)\s*$", re.IGNORECASE | re.DOTALL
)
_CHECK = re.compile(r"\s*CHECK\s", re.IGNORECASE)
_PROCESSES = re.compile(r"\bsystem\.processes\b", re.IGNORECASE)
_FORMAT = re.compile(r"\bFORMAT\s+(\w+)\s*$", re.IGNORECASE)


class Answer(NamedTuple):
    """`pieces` may raise ServerError on the way. `format` is empty for what answers nothing."""

    format: str
    pieces: Iterator[bytes]
    summary: str = "{}"


class Session:
    """A connection to the engine. That takes no query id, so the client's is the statement's comment."""

    def __init__(self, path: str, asked: Asked, running: Running) -> None:
        self._asked, self._running = asked, running
        self._engine = chdb.connect(path)
        try:
            self._query(f"USE {_quoted(asked.database, '`')}")
            settings = _AS_A_SERVER | {"log_comment": asked.query_id} | asked.settings
            for name in sorted(settings, key=lambda name: name == "readonly"):  # it locks the others
                self._query(f"SET {_quoted(name, '`')} = {_quoted(settings[name])}")
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Ends the session."""
        self._engine.close()

    def run(self, statement: Statement, body: BufferedReader) -> Answer:
        """Runs what was asked. Raises ServerError."""
        asked = self._asked
        if asked.data_format:
            return self._insert(statement, body)
        if kill := _KILL.match(asked.statement):
            return self._kill(kill["which"].replace("query_id", _OUR_ID), wait=bool(kill["sync"].strip()))
        if not self._answers():
            self._query(asked.statement, bound=asked.bound)
            return Answer("", iter(()))
        named = _FORMAT.search(asked.statement)
        format = named[1] if named else asked.default_format
        sql = _PROCESSES.sub(
            f"(SELECT * REPLACE ({_OUR_ID} AS query_id) FROM system.processes)", asked.statement
        )
        if asked.whole or _CHECK.match(asked.statement):  # the engine streams no check
            return Answer(format, iter([self._query(sql, format, asked.bound)]))
        return Answer(format, self._stream(sql, format))

    def _answers(self) -> bool:
        found = self._engine._conn.classify_query(self._asked.statement)
        return bool(found["query_class"].name == "READ_ONLY")

    def _insert(self, statement: Statement, body: BufferedReader) -> Answer:
        """The engine parses while the rows arrive; a body that is cut takes what was parsed with it."""
        with _typed():
            insert = self._engine.send_insert(self._asked.statement, self._asked.data_format)
        try:
            piece = self._asked.first_data or body.read1(_STEP)
            while piece:
                statement.check()
                with _typed():
                    insert.append(piece)
                piece = body.read1(_STEP)
        except BaseException:
            insert.cancel()
            statement.check()
            raise
        with _typed():
            written = insert.finish()
        statement.check()
        summary = {"written_rows": str(written.rows_written), "written_bytes": str(written.bytes_written)}
        return Answer("", iter(()), json.dumps(summary))

    def _kill(self, which: str, *, wait: bool) -> Answer:
        """The engine finds and kills them; what waits for the rest of its body is told here."""
        bound, own_id = self._asked.bound, _quoted(self._asked.query_id)
        others = f"({which}) AND {_OUR_ID} != {own_id}"
        mine = f"SELECT {_OUR_ID} FROM system.processes WHERE {others}"
        ids = self._query(mine, "TSVRaw", bound).decode().split()
        self._query(f"KILL QUERY WHERE {others} ASYNC", bound=bound)
        killed = self._running.kill(ids)
        if wait:
            self._running.wait(killed)
        rows = [f"{'finished' if wait else 'waiting'}\t{one.query_id}\n".encode() for one in killed]
        return Answer(self._asked.default_format, iter(rows))

    def _stream(self, sql: str, format: str) -> Iterator[bytes]:
        if self._asked.bound:  # the engine streams only what binds nothing
            yield self._query(sql, format, self._asked.bound)
            return
        with _typed():
            for piece in self._engine.send_query(sql, format):
                yield piece.bytes()

    def _query(self, sql: str, format: str = "TabSeparated", bound: dict[str, str] | None = None) -> bytes:
        with _typed():
            result: Any = self._engine.query(sql, format, params=bound or {})
            return bytes(result.bytes() or b"")


class _typed:
    """Turns the engine's errors into the wire's."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Exception) and not isinstance(error, ServerError):
            raise ServerError(str(error)) from None


def _quoted(text: str, quote: str = "'") -> str:
    return quote + text.replace("\\", "\\\\").replace(quote, "\\" + quote) + quote

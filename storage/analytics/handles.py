"""Handles on the engine: one that writes, one that only reads. Each keeps one client per thread."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from storage.analytics.errors import StoreUnavailable, typed_errors
from storage.analytics.tables import DATABASE

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

Parameters = Mapping[str, Any]

INSERT_SETTINGS: Final[dict[str, Any]] = {
    "async_insert": 0,  # on by default since 26.x: it acknowledges from a buffer
    "max_insert_threads": 1,  # as fast as two from 5,000 rows up, and leaves the other core alone
    "input_format_parallel_parsing": 0,
    "optimize_on_insert": 0,  # a sixth faster; a repeated key collapses at the merge, and under FINAL before
    "input_format_json_read_objects_as_strings": 1,
    "input_format_skip_unknown_fields": 0,
}

GONE_TIMEOUT_S: Final = 60.0


class Clients:
    """One client per thread, made at first use. Threads that use it live as long as the engine."""

    def __init__(self, *, connect: Callable[[], Client]) -> None:
        self._connect = connect
        self._own = threading.local()
        self._all: list[Client] = []
        self._lock = threading.Lock()

    def get(self) -> Client:
        """This thread's client."""
        client: Client | None = getattr(self._own, "client", None)
        if client is None:
            client = self._own.client = self._connect()
            with self._lock:
                self._all.append(client)
        return client

    def close(self) -> None:
        """Closes every client; no thread may be in a call."""
        with self._lock:
            clients, self._all = self._all, []
        for client in clients:
            client.close()


class ReaderHandle:
    """Runs queries, blocking, under the limits its clients were made with."""

    def __init__(self, *, clients: Clients) -> None:
        self._clients = clients

    def query_rows(self, sql: str, parameters: Parameters | None = None) -> list[tuple[Any, ...]]:
        """The rows. Values go in as `{name:Type}` parameters, never into the text."""
        with typed_errors():
            rows = self._clients.get().query(sql, parameters=dict(parameters or {})).result_rows
            return [tuple(row) for row in rows]

    def query_named(self, sql: str, parameters: Parameters | None = None) -> list[dict[str, Any]]:
        """The rows by column name."""
        with typed_errors():
            result = self._clients.get().query(sql, parameters=dict(parameters or {}))
            return [dict(zip(result.column_names, row, strict=True)) for row in result.result_rows]


class WriterHandle(ReaderHandle):
    """Also inserts and changes the schema."""

    def __init__(self, *, clients: Clients, remote: bool) -> None:
        super().__init__(clients=clients)
        self._remote = remote

    def insert(
        self, table: str, lines: bytes, settings: Mapping[str, Any] | None = None, *, query_id: str = ""
    ) -> None:
        """Inserts JSONEachRow lines; durable when it returns. Raises RowsRefused for a row that does not fit.

        After any other error the rows may be stored or not, on a server even later: `settle`, then look.
        """
        chosen = INSERT_SETTINGS | dict(settings or {})
        if self._remote and query_id:
            chosen["query_id"] = query_id
        # A file, which the driver can't send again: bytes it does, without being asked, when a server closes
        # the connection before it answers, and then both inserts may land.
        once = io.BytesIO(lines)
        with typed_errors():
            self._clients.get().raw_insert(
                f"{DATABASE}.{table}", insert_block=once, fmt="JSONEachRow", settings=chosen
            )

    def command(self, sql: str, parameters: Parameters | None = None) -> None:
        """Runs a statement that answers nothing."""
        with typed_errors():
            self._clients.get().command(sql, parameters=dict(parameters or {}))

    def settle(self, query_prefix: str) -> None:
        """Returns when no insert runs whose query id begins so; it is stopped where it runs.

        An embedded insert ends with its call or with its process. Raises StoreUnavailable after a minute.
        """
        if not self._remote:
            return
        bound = {"prefix": query_prefix}
        self.command("KILL QUERY WHERE startsWith(query_id, {prefix:String}) SYNC", bound)
        deadline = time.monotonic() + GONE_TIMEOUT_S
        running = "SELECT count() FROM system.processes WHERE startsWith(query_id, {prefix:String})"
        while self.query_rows(running, bound)[0][0]:
            if time.monotonic() > deadline:
                raise StoreUnavailable("INSERT_STILL_RUNNING")
            time.sleep(0.1)

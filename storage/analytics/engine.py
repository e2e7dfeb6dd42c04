"""The analytics engine of a region, opened once per process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from storage.analytics import connect, schema, sweeping
from storage.analytics.errors import typed_errors
from storage.analytics.handles import Clients, Parameters, ReaderHandle, WriterHandle
from storage.analytics.sweeping import Swept
from storage.analytics.tables import DATABASE

HEAVY_QUERIES: Final = 2
SWEEP_SECONDS: Final = 300

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryLimits:
    """What one query may take."""

    max_seconds: int = 10
    max_memory_bytes: int = 512 << 20


class Engine:
    """Opens the store, brings its schema up to date and hands out handles. Opening blocks (0.3 s and up)."""

    def __init__(self, *, connect: connect.Connect, region: str, remote: bool, limits: QueryLimits) -> None:
        self.region = region
        self._writers = Clients(connect=partial(connect, DATABASE, {}))
        self._readers = Clients(connect=partial(connect, DATABASE, _read_settings(limits)))
        sweep_limits = QueryLimits(max_seconds=SWEEP_SECONDS, max_memory_bytes=limits.max_memory_bytes)
        self._sweepers = Clients(connect=partial(connect, DATABASE, _read_settings(sweep_limits)))
        self._remote = remote
        self._pool = ThreadPoolExecutor(HEAVY_QUERIES, thread_name_prefix="query")
        with typed_errors():
            first = connect("default", {})
            first.command(f"CREATE DATABASE IF NOT EXISTS {DATABASE}")
        try:
            self.schema_version = schema.apply(self.writer(), region)
        except BaseException:
            self.close()
            raise
        finally:
            first.close()

    @classmethod
    def embedded(
        cls, path: Path, *, region: str, max_memory_bytes: int, limits: QueryLimits | None = None
    ) -> Engine:
        """chDB in the folder `path`. Raises StoreRefused where the folder is another region's.

        The client writes each insert to the process's temporary folder first: keep that inside the region's.
        """
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        opened = connect.embedded(path, max_memory_bytes=max_memory_bytes)
        return cls(connect=opened, region=region, remote=False, limits=limits or QueryLimits())

    @classmethod
    def server(
        cls, url: str, *, region: str, timeout_s: int = 60, limits: QueryLimits | None = None
    ) -> Engine:
        """A ClickHouse server over HTTP. Its memory limits are its own configuration."""
        opened = connect.server(url, timeout_s=timeout_s)
        return cls(connect=opened, region=region, remote=True, limits=limits or QueryLimits())

    def writer(self) -> WriterHandle:
        """A handle that inserts; blocking."""
        return WriterHandle(clients=self._writers, remote=self._remote)

    def reader(self) -> ReaderHandle:
        """A handle for queries, read-only and limited; blocking."""
        return ReaderHandle(clients=self._readers)

    async def query(self, sql: str, parameters: Parameters | None = None) -> list[tuple[Any, ...]]:
        """Runs a query in the pool, two at a time. Raises StoreUnavailable past its limits."""
        return await self._in_pool(partial(self.reader().query_rows, sql, parameters))

    async def query_named(self, sql: str, parameters: Parameters | None = None) -> list[dict[str, Any]]:
        """As `query`, rows by column name."""
        return await self._in_pool(partial(self.reader().query_named, sql, parameters))

    async def sweep(self, marker: str) -> list[Swept]:
        """Queries every column of every table that holds rows for the marker: (table, examined, hits)."""
        handle = ReaderHandle(clients=self._sweepers)
        return await self._in_pool(partial(sweeping.sweep, handle, marker))

    async def _in_pool(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def close(self) -> None:
        """Waits for the queries that run, then closes; the writer is stopped before."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        for clients in (self._sweepers, self._readers, self._writers):
            clients.close()


def _read_settings(limits: QueryLimits) -> dict[str, Any]:
    """Limits first, then `readonly`, which locks them; with 2, file() and sockets stay open (measured)."""
    return {
        "max_execution_time": limits.max_seconds,
        "max_memory_usage": limits.max_memory_bytes,
        "max_threads": 1,
        "readonly": 1,
    }

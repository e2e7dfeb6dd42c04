"""The analytics engine of a region, opened once per process."""

from __future__ import annotations

import asyncio
import logging
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from storage.analytics import connect, schema, sweeping
from storage.analytics.errors import StoreDenied, StoreUnavailable, typed_errors
from storage.analytics.handles import Clients, Parameters, ReaderHandle, WriterHandle
from storage.analytics.sweeping import Swept
from storage.analytics.tables import DATABASE
from storage.folders import sync_folders

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

HEAVY_QUERIES: Final = 2
SWEEP_SECONDS: Final = 300
ROOM_BYTES: Final = 32 << 20
"""Free on the disk before tables are made or changed."""

T = TypeVar("T")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryLimits:
    """What one query may take."""

    max_seconds: int = 10
    max_memory_bytes: int = 512 << 20


class Engine:
    """Hands out handles on a store whose schema it brings up to date before the first is used."""

    def __init__(
        self,
        *,
        connect: connect.Connect,
        region: str,
        remote: bool,
        limits: QueryLimits,
        require_room: Callable[[], None] = lambda: None,
    ) -> None:
        self.region = region
        self._connect = connect
        self._remote = remote
        self._require_room = require_room
        self._maker: Clients | None = None
        self._making = threading.Lock()
        sweep_limits = QueryLimits(max_seconds=SWEEP_SECONDS, max_memory_bytes=limits.max_memory_bytes)
        self._writers = Clients(connect=partial(self._client, {}))
        self._readers = Clients(connect=partial(self._client, _read_settings(limits)))
        self._sweepers = Clients(connect=partial(self._client, _read_settings(sweep_limits)))
        self._pool = ThreadPoolExecutor(HEAVY_QUERIES, thread_name_prefix="query")

    @classmethod
    def embedded(
        cls, path: Path, *, region: str, max_memory_bytes: int, limits: QueryLimits | None = None
    ) -> Engine:
        """chDB in the folder `path`; blocks (0.3 s and up). Raises StoreRefused for another region's folder.

        The client writes each insert to the process's temporary folder first: keep that inside the region's.
        """
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        require_room = partial(_require_room, path)
        if not any(path.iterdir()):
            require_room()
        engine = cls(
            connect=connect.embedded(path, max_memory_bytes=max_memory_bytes),
            region=region,
            remote=False,
            limits=limits or QueryLimits(),
            require_room=require_room,
        )
        engine._make()
        sync_folders([path.parent, path, *_folders_of_tables(path)])
        return engine

    @classmethod
    def server(
        cls, url: str, *, region: str, timeout_s: int = 60, limits: QueryLimits | None = None
    ) -> Engine:
        """A ClickHouse server over HTTP; blocks. Its memory limits are its own configuration.

        A server that is away is waited for: until it answers, handles raise StoreUnavailable, and events wait
        in the log. Raises StoreDenied and StoreRefused, since waiting mends neither.
        """
        opened = connect.server(url, timeout_s=timeout_s)
        engine = cls(connect=opened, region=region, remote=True, limits=limits or QueryLimits())
        try:
            engine._make()
        except StoreDenied:
            raise
        except StoreUnavailable as error:
            _log.warning("ClickHouse does not answer yet (%s): events wait in the log", error.cause)
        return engine

    def _make(self) -> None:
        """The database and its tables, once. The client that made them stays: chDB ends with its last one."""
        with self._making:
            if self._maker is not None:
                return
            with typed_errors():
                first = self._connect("default", {})
                first.command(f"CREATE DATABASE IF NOT EXISTS {DATABASE}")
            maker = Clients(connect=partial(self._connect, DATABASE, {}))
            try:
                schema.apply(
                    WriterHandle(clients=maker, remote=self._remote),
                    self.region,
                    require_room=self._require_room,
                )
                self._maker = maker
            finally:
                first.close()
                if self._maker is None:
                    maker.close()

    def _client(self, settings: dict[str, Any]) -> Client:
        self._make()
        return self._connect(DATABASE, settings)

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
        for clients in (self._sweepers, self._readers, self._writers, self._maker):
            if clients is not None:
                clients.close()


def _require_room(path: Path) -> None:
    """Raises StoreUnavailable."""
    free_bytes = shutil.disk_usage(path).free
    if free_bytes < ROOM_BYTES:
        _log.error("%d bytes free: tables are not made or changed on so full a disk", free_bytes)
        raise StoreUnavailable("NOT_ENOUGH_SPACE")


def _folders_of_tables(path: Path) -> list[Path]:
    """Those in which databases and tables have their names: chDB syncs their files, and not the folders."""
    return [found for depth in ("*", "*/*", "*/*/*") for found in path.glob(depth) if found.is_dir()]


def _read_settings(limits: QueryLimits) -> dict[str, Any]:
    """Limits first, then `readonly`, which locks them; with 2, file() and sockets stay open (measured)."""
    return {
        "max_execution_time": limits.max_seconds,
        "max_memory_usage": limits.max_memory_bytes,
        "max_threads": 1,
        "readonly": 1,
    }

"""The analytics store of eu-west-1 in a test: the engine in this process, or a server over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from storage.analytics.engine import Engine, QueryLimits
from tests.support.clickhouse.server import ClickHouse
from tests.support.nodes import EU

BACKENDS = ("embedded", "http")


@contextmanager
def open_engine(backend: str, folder: Path, limits: QueryLimits | None = None) -> Iterator[Engine]:
    """One of BACKENDS, for the block. chDB allows one path per process at a time."""
    if backend == "embedded":
        engine = Engine.embedded(folder / "chdb", region=EU, max_memory_bytes=1 << 30, limits=limits)
        yield engine
        engine.close()
        return
    with running_clickhouse(folder / "clickhouse") as server:
        engine = Engine.server(server.url, region=EU, limits=limits)
        yield engine
        engine.close()


@contextmanager
def running_clickhouse(folder: Path) -> Iterator[ClickHouse]:
    """A server for the block."""
    server = ClickHouse(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()

"""How a client of ClickHouse is made: in-process (chDB), or of a server over HTTP. Same client, same SQL."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

Connect = Callable[[str, Mapping[str, Any]], "Client"]
"""(database, settings) → a new client. The settings hold for all it does, in their order."""

CONNECT_TIMEOUT_S: Final = 5

_CACHES: Final = {
    "mark_cache_size": 64 << 20,
    "uncompressed_cache_size": 16 << 20,
    "index_mark_cache_size": 16 << 20,
}


def embedded(path: Path, *, max_memory_bytes: int) -> Connect:
    """Clients of one engine in this process: one process per path, one path per process, no fork after."""
    options = {"max_server_memory_usage": max_memory_bytes, **_CACHES}

    def connect(database: str, settings: Mapping[str, Any]) -> Client:
        with _without_pyarrow():
            import clickhouse_connect

            return clickhouse_connect.get_client(
                interface="chdb",
                path=str(path),
                database=database,
                settings=dict(settings),
                chdb_options={name: str(value) for name, value in options.items()},
            )

    return connect


def server(url: str, *, timeout_s: int) -> Connect:
    """Clients of a server, `https://user:password@host:8443`. A statement takes `timeout_s` at most.

    The driver repeats queries only: `WriterHandle.insert` sees to that for inserts.
    """

    def connect(database: str, settings: Mapping[str, Any]) -> Client:
        with _without_pyarrow():
            import clickhouse_connect

            return clickhouse_connect.get_client(
                dsn=url,
                interface=url.split(":", 1)[0],
                database=database,
                settings=dict(settings),
                autogenerate_session_id=False,
                form_encode_query_params=True,
                query_retries=0,
                connect_timeout=CONNECT_TIMEOUT_S,
                send_receive_timeout=timeout_s,
            )

    return connect


@contextmanager
def _without_pyarrow() -> Iterator[None]:
    """chDB imports pyarrow where it finds it: 44 MiB a process (measured), for results we never ask for."""
    if "pyarrow" in sys.modules:
        yield
        return
    sys.modules["pyarrow"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules["pyarrow"]

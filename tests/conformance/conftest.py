"""The analytics store of a module's tests: the engine in this process, and a ClickHouse server over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.analytics.engine import Engine, QueryLimits
from tests.support.clickhouse.server import ClickHouse

LIMITS = QueryLimits(max_seconds=2, max_memory_bytes=256 << 20)


@pytest.fixture(scope="module")
def clickhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouse]:
    """A running server of eu-west-1."""
    server = ClickHouse(tmp_path_factory.mktemp("clickhouse") / "data")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module", params=["embedded", "http"])
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """chDB allows one path per process at a time: tests of a module share it and differ by project id."""
    if request.param == "http":
        opened = _over_http(request.getfixturevalue("clickhouse"))
    else:
        opened = _embedded(tmp_path_factory.mktemp("analytics") / "chdb")
    yield opened
    opened.close()


def _embedded(path: Path) -> Engine:
    return Engine.embedded(path, region="eu-west-1", max_memory_bytes=1 << 30, limits=LIMITS)


def _over_http(server: ClickHouse) -> Engine:
    return Engine.server(server.url, region="eu-west-1", limits=LIMITS)

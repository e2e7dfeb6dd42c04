"""The analytics store of a module's tests, on both backends, and a server for what only that has."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from storage.analytics.engine import Engine, QueryLimits
from tests.support.clickhouse.server import ClickHouse
from tests.support.engines import BACKENDS, open_engine, running_clickhouse

LIMITS = QueryLimits(max_seconds=2, max_memory_bytes=256 << 20)


@pytest.fixture(scope="module", params=BACKENDS)
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Tests of a module share it and differ by project id."""
    with open_engine(request.param, tmp_path_factory.mktemp("analytics"), LIMITS) as opened:
        yield opened


@pytest.fixture(scope="module")
def clickhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouse]:
    """A running ClickHouse server."""
    with running_clickhouse(tmp_path_factory.mktemp("clickhouse")) as server:
        yield server

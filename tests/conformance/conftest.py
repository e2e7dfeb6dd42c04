"""The one analytics engine of a pytest process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from storage.analytics.engine import Engine, QueryLimits


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """chDB allows one path per process at a time: tests of a module share it and differ by project id."""
    path = tmp_path_factory.mktemp("analytics") / "chdb"
    limits = QueryLimits(max_seconds=2, max_memory_bytes=256 << 20)
    opened = Engine.embedded(path, region="eu-west-1", max_memory_bytes=1 << 30, limits=limits)
    yield opened
    opened.close()

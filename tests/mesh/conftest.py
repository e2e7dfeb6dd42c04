"""The one analytics engine of a pytest process, and a cell on it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from storage.analytics.engine import Engine
from tests.support.cell import Cell, open_cell
from tests.support.nodes import EU


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """chDB allows one path per process at a time: tests of a module share it and differ by project id."""
    path = tmp_path_factory.mktemp("analytics") / "chdb"
    opened = Engine.embedded(path, region=EU, max_memory_bytes=1 << 30)
    yield opened
    opened.close()


@pytest.fixture
async def cell(pki: Path, tmp_path: Path, engine: Engine) -> AsyncIterator[Cell]:
    """A running cell of eu-west-1."""
    async with open_cell(pki, tmp_path / "eu", engine) as running:
        yield running

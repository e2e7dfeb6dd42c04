"""The one analytics engine of a pytest process, and a cell on it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from storage.analytics.engine import Engine
from tests.support.cell import Cell, open_cell
from tests.support.engines import open_engine


@pytest.fixture(scope="module")
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Tests of a module share it and differ by project id. Embedded, where the module asks for no other."""
    backend = getattr(request, "param", "embedded")
    with open_engine(backend, tmp_path_factory.mktemp("analytics")) as opened:
        yield opened


@pytest.fixture
async def cell(pki: Path, tmp_path: Path, engine: Engine) -> AsyncIterator[Cell]:
    """A running cell of eu-west-1."""
    async with open_cell(pki, tmp_path / "eu", engine) as running:
        yield running

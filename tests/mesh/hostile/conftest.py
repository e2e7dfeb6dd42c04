"""A shim in front of a real cell, to be attacked. A module's tests share both, each has its own project."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import uvloop

from storage.analytics.engine import Engine
from tests.support.cell import Cell, open_cell
from tests.support.hostile import Attacked, attackable, attacked
from tests.support.shim import Running


@pytest.fixture(scope="module")
def event_loop_policy() -> asyncio.AbstractEventLoopPolicy:
    """The loop that the server runs on."""
    return uvloop.EventLoopPolicy()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cell(pki: Path, tmp_path_factory: pytest.TempPathFactory, engine: Engine) -> AsyncIterator[Cell]:
    """A running cell of eu-west-1, with room for the largest bodies."""
    async with open_cell(pki, tmp_path_factory.mktemp("eu"), engine, log_bytes=512 << 20) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shim(pki: Path, cell: Cell) -> AsyncIterator[Running]:
    """With the limits of production."""
    async with attackable(pki, cell) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def target(shim: Running, cell: Cell) -> AsyncIterator[Attacked]:
    """Sound again after the test, or the test fails."""
    async with attacked(shim, cell) as running:
        yield running

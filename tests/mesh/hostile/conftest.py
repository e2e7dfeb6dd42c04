"""A shim in front of a real cell, to be attacked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import uvloop

from tests.support.cell import Cell
from tests.support.hostile import Attacked, attacked


@pytest.fixture
def event_loop_policy() -> asyncio.AbstractEventLoopPolicy:
    """The loop that the server runs on."""
    return uvloop.EventLoopPolicy()


@pytest.fixture
async def target(pki: Path, cell: Cell) -> AsyncIterator[Attacked]:
    """With the limits of production; sound again after the test, or the test fails."""
    async with attacked(pki, cell) as running:
        yield running

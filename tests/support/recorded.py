"""A shim in front of a cell that records what it is sent: the fixture of its tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvloop

from tests.support.nodes import MemoryDirectory
from tests.support.shim import Recorder, Running, known_here, start_recorder, start_shim


@dataclass
class Recorded(Running):
    """A shim, what its cell was sent, and what its directory knows."""

    cell: Recorder
    directory: MemoryDirectory


@pytest.fixture
def event_loop_policy() -> asyncio.AbstractEventLoopPolicy:
    """The loop that the server runs on."""
    return uvloop.EventLoopPolicy()


@pytest.fixture
async def shim(pki: Path) -> AsyncIterator[Recorded]:
    """A shim on real ports, its cell behind mTLS."""
    async with AsyncExitStack() as stack:
        directory, cell = known_here(), Recorder()
        cell.gate.set()
        address = await start_recorder(stack, pki, directory, cell)
        running = await start_shim(stack, pki, directory, cell_address=address)
        yield Recorded(**vars(running), cell=cell, directory=directory)

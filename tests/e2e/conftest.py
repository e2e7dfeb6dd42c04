"""One mesh for all tests that leave it as it is; who kills something starts a `fresh_mesh` of its own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.traced import Traced
from tests.support.receiver import LOOPBACK
from tests.support.running import RunningMesh, fresh_mesh


@pytest.fixture(scope="session")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningMesh]:
    """A running mesh of four regions, every trace kept."""
    with fresh_mesh(tmp_path_factory.mktemp("shared")) as running:
        yield running


@pytest.fixture(scope="session")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Traced:
    """What a mesh of four regions kept of everything that was asked of it; it is stopped by now."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("SANKOFA_EGRESS_ALLOWED_NETWORKS", json.dumps([LOOPBACK]))
        with fresh_mesh(tmp_path_factory.mktemp("traced")) as running:
            return asyncio.run(Traced.of(running))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder starts real processes; it takes longest, so it goes first."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.e2e)
    items.sort(key=lambda item: here not in item.path.parents)

"""One mesh for all tests that leave it as it is; who kills something starts a `fresh_mesh` of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.running import RunningMesh, fresh_mesh


@pytest.fixture(scope="session")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningMesh]:
    """A running mesh of four regions, every trace kept. With xdist: only in the group "mesh"."""
    with fresh_mesh(tmp_path_factory.mktemp("shared")) as running:
        yield running


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of these tests run in one worker, one mesh after the other: a mesh takes a dozen processes.

    First of its kind: pytest-xdist reads the groups in the same hook.
    """
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.xdist_group("e2e"))

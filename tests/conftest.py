"""Fixtures for all tests; unit tests that carry no marker get no socket and no disk."""

from __future__ import annotations

import builtins
import socket
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from _pytest.nodeid import coerce_node_id
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from tests.support.nodes import make_pki

_UNIT = Path(__file__).parent / "unit"


class OneMeshAtATime(LoadFileScheduling):
    """A file is one worker's; all end-to-end tests together are, as a mesh takes a dozen processes."""

    def _split_scope(self, nodeid: str) -> str:
        return "e2e" if nodeid.startswith("tests/e2e/") else nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> OneMeshAtATime:
    """Whatever `--dist` says: groups by marker do not work with this pytest (9.2 with xdist 3.8)."""
    return OneMeshAtATime(config, log)


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificates of four regions, made once."""
    return make_pki(tmp_path_factory.mktemp("mesh") / "pki")


@pytest.fixture(autouse=True)
def _walls_of_unit_tests(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    if _UNIT in request.path.parents:
        if not request.node.get_closest_marker("network"):
            monkeypatch.setattr(socket.socket, "connect", _refuse("a socket: mark it `network`"))
            monkeypatch.setattr(socket.socket, "bind", _refuse("a socket: mark it `network`"))
        if not request.node.get_closest_marker("disk"):
            monkeypatch.setattr(builtins, "open", _read_only_open)
    yield


def _refuse(what: str):  # type: ignore[no-untyped-def]
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError(f"a unit test touched {what}")

    return refuse


_real_open = open


def _read_only_open(file, mode="r", *args, **kwargs):  # type: ignore[no-untyped-def]
    if set(mode) & set("wax+"):
        raise AssertionError("a unit test wrote to a disk: mark it `disk`")
    return _real_open(file, mode, *args, **kwargs)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Numbers tests of one name, as schemathesis makes them: xdist takes equal names for one test."""
    seen = Counter[str]()
    for item in items:
        seen[item.nodeid] += 1
        if seen[item.nodeid] > 1:
            item._id = coerce_node_id(f"{item.nodeid}#{seen[item.nodeid]}")

"""gRPC ignores an option that it does not know, and says nothing."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from mesh import node, server

pytestmark = pytest.mark.disk


@pytest.mark.parametrize("name", [name for name, _ in (*server.OPTIONS, *node._RECONNECT)])
def test_grpc_knows_every_option_that_we_set(name: str) -> None:
    core = find_spec("grpc._cython.cygrpc")
    assert core is not None
    assert name.encode() + b"\0" in Path(str(core.origin)).read_bytes()

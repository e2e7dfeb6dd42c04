"""The router beside Envoy: which region a request belongs to, from headers alone.

Here live the decision (core), its ASGI face (service), its listener and the
edge's Envoy configuration (edge). Nothing here reads a body, keeps state of
its own or calls another service: the directory is fed from outside.
"""

from __future__ import annotations

from collections.abc import Callable

from mesh.directory import Directory
from services.router.core import Router
from services.router.service import RouterApp


def build(*, directory: Directory, home_region: str, on_forward: Callable[[str], None]) -> RouterApp:
    """The router's ASGI app. `on_forward(callee_region)` is called for each request let through (TRANSIT)."""
    return RouterApp(router=Router(directory=directory, home_region=home_region), on_forward=on_forward)

"""Free ports of 127.0.0.1 for servers that can't take port 0."""

from __future__ import annotations

import random
import socket
from contextlib import ExitStack, suppress

_NOT_OUTGOING = range(20_000, 32_768)
"""Below those that the kernel gives to outgoing connections: one could take it before the server does."""


def free_ports(count: int) -> list[int]:
    """Nothing listened on them a moment ago."""
    found: list[int] = []
    with ExitStack() as stack:
        for port in random.sample(_NOT_OUTGOING, len(_NOT_OUTGOING)):
            with suppress(OSError):
                stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
                found.append(port)
            if len(found) == count:
                return found
    raise AssertionError(f"no {count} ports are free")

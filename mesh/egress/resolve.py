"""Names to addresses, in threads of its own: a name server that never answers holds up no one else's work."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""The addresses of a host, best first, for a port. Raises OSError where it has none."""

_AT_ONCE = 16


class SystemResolver:
    """What the host itself would call. Numbers in any notation come out as the address they mean."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="resolve")

    async def __call__(self, host: str, port: int) -> list[str]:
        """Raises OSError."""
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._pool, _look_up, host, port)
        return list(dict.fromkeys(found))

    def close(self) -> None:
        """Does not wait for look-ups that hang."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _look_up(host: str, port: int) -> list[str]:
    try:
        return [str(where[0]) for *_, where in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except UnicodeError:  # a label that is no label
        raise OSError(f"no such host on port {port}") from None

"""One HTTP listener inside a process that runs more than HTTP."""

from __future__ import annotations

import asyncio
import socket

import uvicorn


class HttpListener:
    """uvicorn without its signal handlers: who starts the process decides when it stops."""

    def __init__(self, config: uvicorn.Config, address: str) -> None:
        self._server = uvicorn.Server(config)
        self._socket = _bind(address)
        self.port: int = self._socket.getsockname()[1]
        """The port that it listens on."""
        self._loop_task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Returns once it accepts."""
        config = self._server.config
        config.load()
        self._server.lifespan = config.lifespan_class(config)
        await self._server.startup([self._socket])
        self._loop_task = asyncio.create_task(self._server.main_loop())

    async def drain(self, grace_s: float) -> None:
        """Takes no new connection, lets requests in flight end for `grace_s` seconds, then ends them."""
        self._server.should_exit = True
        self._server.config.timeout_graceful_shutdown = max(1, round(grace_s))
        if self._loop_task is not None:
            await self._loop_task
        await self._server.shutdown([self._socket])


def plain_config(app: object) -> uvicorn.Config:
    """Settings for an ASGI app without lifespan, access log or give-away headers."""
    return uvicorn.Config(
        app,  # type: ignore[arg-type]
        interface="asgi3",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
    )


def _bind(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host.strip("[]"), int(port)), family=family, backlog=2048)

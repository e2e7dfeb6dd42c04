"""Background work: it runs until the process stops, and the process does not outlive its failure."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Coroutine
from contextlib import AsyncExitStack, suppress
from typing import Any

log = logging.getLogger(__name__)

EX_SOFTWARE = 70
"""sysexits.h: an internal error. A supervisor starts the process again."""


def background(work: Coroutine[Any, Any, None], *, name: str, stack: AsyncExitStack) -> None:
    """Runs `work` until `stack` closes. If it fails, the process ends: half a process is worse than none."""
    task = asyncio.get_running_loop().create_task(work, name=name)
    task.add_done_callback(_end_with_failure)

    async def stop() -> None:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    stack.push_async_callback(stop)


def _end_with_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.critical("%s failed: the process ends, to be started again", task.get_name(), exc_info=error)
        os._exit(EX_SOFTWARE)

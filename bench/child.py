"""Parts of a benchmark that need a process of their own: an engine of their own, or a clean memory."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TypeVar

import msgspec

T = TypeVar("T")


class Child:
    """`python -m MODULE …` that reads JSON lines and answers each with one. It ends with its input."""

    def __init__(self, process: asyncio.subprocess.Process, module: str) -> None:
        self._process = process
        self._module = module
        self.pid = process.pid

    async def ask(self, question: object, kind: type[T]) -> T:
        """Sends a line and waits for the answer. Raises RuntimeError where the process ends instead."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(msgspec.json.encode(question) + b"\n")
        with suppress(ConnectionError):
            await self._process.stdin.drain()
        line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._module} ended with {await self._process.wait()}")
        return msgspec.json.decode(line, type=kind)


@asynccontextmanager
async def child(module: str, *arguments: str, folder: Path) -> AsyncIterator[Child]:
    """Runs a module of this package with its temporary files in `folder`; ends it, whatever happens.

    In a session of its own: Ctrl-C is for the benchmark, which ends its parts itself.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *arguments),
        stdin=PIPE,
        stdout=PIPE,
        limit=1 << 24,
        env={**os.environ, "TMPDIR": str(folder)},
        start_new_session=True,
    )
    try:
        yield Child(process, module)
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()

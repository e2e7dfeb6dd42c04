"""The floors, as the benchmark starts them: each in a process of its own, ended with the benchmark."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from bench.drain import Drained


class Noop(NamedTuple):
    """A server that does nothing."""

    url: str
    pid: int


@asynccontextmanager
async def noop_server(pki_dir: Path, region: str) -> AsyncIterator[Noop]:
    """Runs bench.noop. It ends with its standard input, so it can't outlive this process."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.noop", str(pki_dir), region, stdin=PIPE, stdout=PIPE
    )
    try:
        assert process.stdin is not None and process.stdout is not None
        port = (await process.stdout.readline()).decode().strip()
        if not port:
            raise RuntimeError("the no-op server did not start")
        yield Noop(f"http://127.0.0.1:{port}", process.pid)
        process.stdin.close()
        await process.wait()
    finally:
        await _end(process)


async def writer_alone(folder: Path, bodies: Path, rows: int) -> Drained:
    """Runs bench.drain in `folder`, which it makes and deletes again."""
    await asyncio.to_thread(folder.mkdir)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "bench.drain", str(folder), str(bodies), str(rows)),
        stdout=PIPE,
        env={**os.environ, "TMPDIR": str(folder)},
    )
    try:
        said, _ = await process.communicate()
        if process.returncode:
            raise RuntimeError("the writer alone failed")
        return msgspec.json.decode(said, type=Drained)
    finally:
        await _end(process)
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
        await process.wait()

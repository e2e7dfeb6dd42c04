"""Fills a cell's durable log to its bound while the cell does not run.

`python -m bench.full_log LOG_FOLDER BODIES` answers one line for each `Fill`. The rows are those that ingest
would make of the file's bodies.
"""

from __future__ import annotations

import asyncio
import sys
from itertools import islice
from pathlib import Path

import msgspec

from bench.drain import FRAME_ROWS, rows_of
from storage.log import Append, LogFull, Rows, Table
from storage.log.lmdb import LmdbLog


class Fill(msgspec.Struct, frozen=True):
    """Wants a log of so many bytes, full, with events of one project."""

    project_id: str
    log_bytes: int


class Filled(msgspec.Struct, frozen=True):
    """What lies in it, when it takes no more."""

    rows: int
    bytes: int


async def fill(path: Path, bodies: Path, wanted: Fill) -> Filled:
    """Appends until the log says that it is full."""
    log = await asyncio.to_thread(LmdbLog.open, path, max_bytes=wanted.log_bytes)
    source = rows_of(bodies, wanted.project_id)
    while True:
        frame = list(islice(source, FRAME_ROWS))
        (outcome,) = await log.append([Append([Rows(Table.EVENTS, wanted.project_id, frame)])])
        if isinstance(outcome, LogFull):
            break
        if isinstance(outcome, Exception):
            raise outcome
    stats = log.stats()
    await asyncio.to_thread(log.close)
    return Filled(stats.lag, stats.used_bytes)


if __name__ == "__main__":
    for line in sys.stdin:
        asked = msgspec.json.decode(line, type=Fill)
        print(
            msgspec.json.encode(asyncio.run(fill(Path(sys.argv[1]), Path(sys.argv[2]), asked))).decode(),
            flush=True,
        )

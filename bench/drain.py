"""The floor of batches: a process with the writer alone, on a log that is full before it starts.

`python -m bench.drain FOLDER BODIES ROWS` posts no request: it makes the rows that ingest would make of a
file's bodies, puts them into a new log, and times the writer that stores them in a new analytics store with
the cell's own settings. Writes `{"rows", "seconds", "cpu_s"}`.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from itertools import cycle, islice
from pathlib import Path

import msgspec

from cli.cell import CellConfig
from mesh.ids import new_id
from mesh.regions import DEFAULT_REGION
from sankofa.ingest.v1.ingest_pb2 import AppendItem
from services.ingest.config import IngestConfig
from services.ingest.normalise import Origin, event_row
from services.ingest.user_agent import UNKNOWN
from services.ingest.writer import Writer
from services.rest.payloads import batch
from storage.analytics.engine import Engine
from storage.analytics.guard import StoreGuard
from storage.analytics.tables import seconds, tail
from storage.log import Append, Rows, Table
from storage.log.lmdb import LmdbLog

LOG_BYTES = 4 << 30
FRAME_ROWS = 2_000
TIMEOUT = timedelta(minutes=5)


class Drained(msgspec.Struct):
    """Rows that the writer stored, and what it took from its start to the last cursor."""

    rows: int
    seconds: float
    cpu_s: float


def rows_of(bodies: Path, project_id: str) -> Iterator[bytes]:
    """The rows of a file's bodies, over and over, each with an id of its own."""
    now_ms = time.time_ns() // 1_000_000
    origin = Origin(
        project_id=project_id,
        org_id=new_id("org"),
        environment="live",
        device=UNKNOWN,
        retry_key="",
        received_at_ms=now_ms,
        received_at=seconds(now_ms),
        retention_days=365,
    )
    items = []
    for body in bodies.read_bytes().splitlines():
        items.append(AppendItem())
        batch(body, items[-1])
    for item in cycle(items):
        for index, operation in enumerate(item.operations):
            row, _ = event_row(operation.track, origin, index)
            if row is None:
                raise ValueError("a body of the benchmark has a garbage id")
            yield tail(row)


async def drain(folder: Path, bodies: Path, rows: int) -> Drained:
    """Fills a log, then lets the writer empty it."""
    log = LmdbLog.open(folder / "log", max_bytes=LOG_BYTES)
    project_id = new_id("proj")
    source = islice(rows_of(bodies, project_id), rows)
    while frame := list(islice(source, FRAME_ROWS)):
        await log.append([Append([Rows(Table.EVENTS, project_id, frame)])])
    config = IngestConfig()
    engine = Engine.embedded(
        folder / "analytics", region=DEFAULT_REGION, max_memory_bytes=CellConfig().analytics_memory_bytes
    )
    writer = Writer(
        log=log,
        engine=engine,
        guard=StoreGuard(DEFAULT_REGION, lambda _: DEFAULT_REGION),
        batch_rows=config.writer_batch_rows,
        linger=timedelta(milliseconds=config.writer_linger_ms),
    )
    begun, cpu_begun = time.monotonic(), time.process_time()
    writer.start()
    stored = await asyncio.to_thread(writer.flush, rows, TIMEOUT)
    drained = Drained(rows, time.monotonic() - begun, time.process_time() - cpu_begun)
    await asyncio.to_thread(writer.stop)
    if not stored or writer.stats().rows != rows:
        raise RuntimeError(f"the writer stored {writer.stats().rows} of {rows} rows")
    engine.close()
    log.close()
    return drained


if __name__ == "__main__":
    found = asyncio.run(drain(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))
    print(msgspec.json.encode(found).decode())

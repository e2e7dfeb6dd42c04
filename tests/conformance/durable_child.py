"""A log, a store and a writer, to be traced: says on standard output what it promises, when. Run by path.

argv: folder, and what is left out: "" for nothing, "log" the log's syncs, "store" those of the store.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from functools import partial
from pathlib import Path

import lmdb
from writer_child import REGION, entries_of

from services.ingest.writer import Writer
from storage.analytics import schema
from storage.analytics.engine import Engine
from storage.analytics.guard import StoreGuard
from storage.log import Append
from storage.log.lmdb import LmdbLog
from tests.support.writer_rows import PATIENCE


def say(word: str) -> None:
    os.write(1, f"{word}\n".encode())


async def main(folder: Path, left_out: str) -> None:
    (folder / "tmp").mkdir()
    tempfile.tempdir = str(folder / "tmp")
    if left_out == "log":
        lmdb.open = partial(lmdb.open, sync=False)
    if left_out == "store":
        schema.DURABLE = "old_parts_lifetime = 480"  # type: ignore[misc]
    engine = Engine.embedded(folder / "chdb", region=REGION, max_memory_bytes=1 << 30)
    log = LmdbLog.open(folder / "log")
    await log.append([Append(entries_of(6))])
    say("acknowledged")
    writer = Writer(log=log, engine=engine, guard=StoreGuard(REGION, lambda _: REGION), step=say)
    writer.start()
    assert writer.stop(PATIENCE)
    engine.close()
    log.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))

"""A cell's log, store and writer in a process that ends without a word at one step. Run by path.

argv: folder, step to die at ("" for none), how often it is seen until then, entries to append first.
ANALYTICS_URL in the environment names a ClickHouse server instead of a store in the folder.
Prints what the store holds of this log, and the steps it took, if it lives.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from services.ingest.writer import Writer
from storage.analytics.engine import Engine
from storage.analytics.guard import StoreGuard
from storage.analytics.tables import TABLES, AliasRow, EventRow, PeopleRow, seconds, tail
from storage.log import Append, Rows, Table
from storage.log.lmdb import LmdbLog

NOW_MS = 1_778_337_121_482
REGION = "eu-west-1"


def entries_of(count: int, first: int = 0, *, project: str = "proj_a") -> list[Rows]:
    """Two events of three, the rest a person and an alias in turn; one row in 50 is poisoned."""
    return [_entry(project, number) for number in range(first, first + count)]


def _entry(project: str, number: int) -> Rows:
    named: dict[str, Any] = {
        "project_id": project,
        "environment": "live",
        "org_id": "org_a",
        "timestamp_ms": NOW_MS,
    }
    at = seconds(NOW_MS)
    if number % 50 == 7:
        return Rows(Table.EVENTS, project, [b'"timestamp_ms":"soon"}'])
    if number % 6 == 4:
        row = PeopleRow(**named, received_at=at, id=f"p{number}", distinct_id="d", traits={"a": "1"})
        return Rows(Table.PEOPLE, project, [tail(row)])
    if number % 6 == 5:
        alias = AliasRow(**named, received_at=at, id=f"a{number}", alias_id=f"x{number}", distinct_id="d")
        return Rows(Table.ALIASES, project, [tail(alias)])
    empty = msgspec.Raw(b"{}")
    event = EventRow(
        **named,
        received_at=at,
        id=f"evt_{number:021}",
        event_name="e",
        distinct_id="d",
        properties=empty,
        default_properties=empty,
    )
    return Rows(Table.EVENTS, project, [tail(event)])


class Steps:
    """Notes the steps of a writer and ends the process at one of them."""

    def __init__(self, die_at: str, seen: int) -> None:
        self.taken: set[str] = set()
        self._die_at, self._left = die_at, seen

    def __call__(self, name: str) -> None:
        self.taken.add(name)
        if name == self._die_at:
            self._left -= 1
            if self._left == 0:
                os._exit(9)


def open_engine(folder: Path) -> Engine:
    if url := os.environ.get("ANALYTICS_URL"):
        return Engine.server(url, region=REGION)
    return Engine.embedded(folder / "chdb", region=REGION, max_memory_bytes=1 << 30)


async def main(folder: Path, steps: Steps, count: int) -> None:
    (folder / "tmp").mkdir(exist_ok=True)
    tempfile.tempdir = str(folder / "tmp")
    log = LmdbLog.open(folder / "log")
    entries = entries_of(count, log.stats().appended, project=log.log_id)
    for at in range(0, count, 20):
        await log.append([Append(entries[at : at + 20])])
    engine = open_engine(folder)
    writer = Writer(
        log=log,
        engine=engine,
        guard=StoreGuard(REGION, lambda _: REGION),
        batch_rows=60 if count else 45,
        linger=timedelta(milliseconds=10),
        step=steps,
    )
    writer.start()
    stopped = writer.stop(timedelta(seconds=30))
    seqs = {}
    for table in TABLES:
        sql = f"SELECT log_seq FROM {table.value} WHERE log_id = {{log_id:String}} ORDER BY log_seq"
        found = await engine.query(sql, {"log_id": log.log_id})
        seqs[table.value] = [row[0] for row in found]
    dead = [letter.record.seq for letter in log.dead_letters()]
    said = {"stopped": stopped, "seqs": seqs, "dead": dead, "steps": sorted(steps.taken)}
    sys.stdout.write(json.dumps(said) + "\n")
    engine.close()
    log.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Steps(sys.argv[2], int(sys.argv[3])), int(sys.argv[4])))

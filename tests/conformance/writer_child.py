"""A cell's log, store and writer in a process that ends without a word at one step. Run by path.

argv: folder, step to die at ("" for none), how often it is seen until then, entries to append first,
"orders" where some of these are erasures.
ANALYTICS_URL and LOG_PLACE in the environment name stores elsewhere than in the folder.
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

from services.ingest.erasing import order_row
from services.ingest.writer import Writer
from storage.analytics.engine import Engine
from storage.analytics.erasing import ErasureOrder
from storage.analytics.guard import StoreGuard
from storage.analytics.tables import TABLES, AliasRow, EventRow, PeopleRow, seconds, tail
from storage.log import Append, DurableLog, Rows, Table
from tests.support.logs import LogPlace

NOW_MS = 1_778_337_121_482
REGION = "eu-west-1"


def entries_of(count: int, first: int = 0, *, project: str = "proj_a", orders: bool = False) -> list[Rows]:
    """Two events of three, the rest a person and an alias in turn; one row in 50 is poisoned.

    With orders, of each 50: 31 to 34 are of a person with two ids who is erased by 37, and 41 is so again.
    """
    return [_entry(project, number, orders and number % 50) for number in range(first, first + count)]


def _entry(project: str, number: int, place: int) -> Rows:
    named: dict[str, Any] = {
        "project_id": project,
        "environment": "live",
        "org_id": "org_a",
        "timestamp_ms": NOW_MS,
    }
    at = seconds(NOW_MS)
    if number % 50 == 7:
        return Rows(Table.EVENTS, project, [b'"timestamp_ms":"soon"}'])
    if place == 37:
        order = ErasureOrder(
            erasure_id=f"era_{project}_{number}", project_id=project, environment="live", distinct_id="gone"
        )
        return Rows(Table.ERASURES, project, [order_row(order)])
    gone = place in (31, 32, 33, 34, 41)
    who, other = ("gone", "went") if gone else ("d", f"x{number}")
    if place == 32 or (not gone and number % 6 == 4):
        row = PeopleRow(**named, received_at=at, id=f"p{number}", distinct_id=who, traits={"a": "1"})
        return Rows(Table.PEOPLE, project, [tail(row)])
    if place == 33 or (not gone and number % 6 == 5):
        alias = AliasRow(**named, received_at=at, id=f"a{number}", alias_id=other, distinct_id=who)
        return Rows(Table.ALIASES, project, [tail(alias)])
    empty = msgspec.Raw(b"{}")
    event = EventRow(
        **named,
        received_at=at,
        id=f"evt_{number:021}",
        event_name="e",
        distinct_id=other if place == 34 else who,
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


def open_log(folder: Path) -> DurableLog:
    elsewhere = os.environ.get("LOG_PLACE")
    return (LogPlace.parse(elsewhere) if elsewhere else LogPlace.in_folder(folder / "log")).open()


def open_engine(folder: Path) -> Engine:
    if url := os.environ.get("ANALYTICS_URL"):
        return Engine.server(url, region=REGION)
    return Engine.embedded(folder / "chdb", region=REGION, max_memory_bytes=1 << 30)


async def main(folder: Path, steps: Steps, count: int, *, orders: bool) -> None:
    (folder / "tmp").mkdir(exist_ok=True)
    tempfile.tempdir = str(folder / "tmp")
    log = open_log(folder)
    entries = entries_of(count, log.stats().appended, project=log.log_id, orders=orders)
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
    asyncio.run(
        main(
            Path(sys.argv[1]),
            Steps(sys.argv[2], int(sys.argv[3])),
            int(sys.argv[4]),
            orders="orders" in sys.argv,
        )
    )

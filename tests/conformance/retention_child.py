"""A look at stored events in a process that ends without a word at one step. Run by path.

argv: folder, step to die at ("" for none). The first run stores 1,000 events of 90 days, half of them 10 days
old, and a project that is granted 7. Prints what is stored if it lives.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from mesh.context import act_as
from services.ingest.retention import RetentionKeeper
from storage.analytics.engine import Engine
from storage.analytics.retention import RetentionStore
from storage.records.projects import ProjectRecord
from storage.records.records import Records

REGION = "eu-west-1"
EVENTS = """
    INSERT INTO events (log_id, log_seq, project_id, environment, id, received_at, retention_days)
    SELECT 'log', number, 'proj_a', 'live', toString(number), now64(3) - toIntervalDay(number % 2 * 10), 90
    FROM numbers(1000)
"""


def _die_at(wanted: str) -> Callable[[str], None]:
    def step(name: str) -> None:
        if name == wanted:
            os._exit(9)

    return step


async def main(folder: Path, die_at: str) -> None:
    (folder / "tmp").mkdir(exist_ok=True)
    tempfile.tempdir = str(folder / "tmp")
    records = await Records.open(f"sqlite+aiosqlite:///{folder}/records.db", region=REGION)
    engine = Engine.embedded(folder / "chdb", region=REGION, max_memory_bytes=1 << 30)
    if await records.projects.project("proj_a") is None:
        act_as("usr_test")
        await records.projects.provision(
            ProjectRecord("proj_a", "org_1", "Shop", REGION, "active", time.time_ns(), 7), []
        )
        engine.writer().command(EVENTS)
    store = RetentionStore(engine=engine)
    keeper = RetentionKeeper(
        grants=records.projects, store=store, every_s=3600, poll_s=0.01, step=_die_at(die_at)
    )
    await keeper.once()
    carried = sorted((await store.carried())["proj_a"])
    ((shown,),) = await engine.query("SELECT count() FROM events FINAL")
    sys.stdout.write(json.dumps({"carried": carried, "shown": shown, "behind": keeper.behind}) + "\n")
    store.close()
    engine.close()
    await records.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))

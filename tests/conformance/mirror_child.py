"""Looks at audit logs in a process that is killed at one step. Run by path.

argv: folder, URL of the records, step to die at ("" for none). ANALYTICS_URL in the environment: a server.
The first run makes two logs of seven rows, of which one organisation leaves when there is a file `leave` in
the folder. Prints what the mirror holds, by log, if it lives.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from mesh.context import act_as
from services.ingest.mirror import copying
from services.ingest.mirror.comparing import Comparer
from services.ingest.mirror.copying import AuditMirror
from storage.analytics.audit_mirror import AuditMirrorStore
from storage.analytics.engine import Engine
from storage.records.audit.reading import Log
from storage.records.engine import Database
from storage.records.records import Records
from tests.support.audit_chains import erase_org, more_org_rows, new_org
from tests.support.nodes import EU


def _die_at(wanted: str) -> Callable[[str], None]:
    def step(name: str) -> None:
        if name == wanted:
            os.kill(os.getpid(), signal.SIGKILL)

    return step


async def main(folder: Path, url: str, die_at: str) -> None:
    (folder / "tmp").mkdir(exist_ok=True)
    tempfile.tempdir = str(folder / "tmp")
    act_as("usr_test")
    copying.ROWS_AN_INSERT = 3  # type: ignore[misc]
    records, database = await Records.open(url, region=EU), await Database.open(url, region=EU)
    engine = _engine(folder)
    if not await records.audit.scopes(Log.ORG):
        for _ in range(2):
            await new_org(records, database, 7)
    first, *others = await records.audit.scopes(Log.ORG)
    if (folder / "leave").exists() and others:
        await erase_org(database, first)
        first = others[0]
    await more_org_rows(database, first, 1)
    store = AuditMirrorStore(engine=engine)
    mirror = AuditMirror(
        records=records.audit_mirror, store=store, every_s=1, count_every_s=3600, step=_die_at(die_at)
    )
    await mirror.once()
    comparer = Comparer(audit=records.audit, records=records.audit_mirror, store=store)
    found = {}
    for scope, log in (await comparer.scopes()).items():
        compared = await comparer.compare(log, scope)
        parts = await engine.query("SELECT count() FROM audit_rows WHERE scope = {s:String}", {"s": scope})
        found[scope] = [len(compared.differences), compared.behind, compared.rows, parts[0][0]]
    sys.stdout.write(json.dumps(found) + "\n")
    store.close()
    engine.close()
    await database.close()
    await records.close()


def _engine(folder: Path) -> Engine:
    if url := os.environ.get("ANALYTICS_URL"):
        return Engine.server(url, region=EU)
    return Engine.embedded(folder / "chdb", region=EU, max_memory_bytes=1 << 30)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))

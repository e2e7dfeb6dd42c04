"""A process that appends and says what was acknowledged, until it is killed. Run by path, never imported."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from storage.log import Entry, Table
from storage.log.lmdb import LmdbLog


async def main(path: str) -> None:
    log = LmdbLog.open(Path(path))
    count = 0
    while True:
        first = await log.append(
            [Entry(Table.EVENTS, "proj_a", b'"n":%d}' % (count + at)) for at in range(3)]
        )
        count += 3
        sys.stdout.write(f"{log.log_id} {first + 2}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))

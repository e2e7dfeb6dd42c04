"""A process that appends what is counted, and repetitions, until it is killed. Run by path, never imported.

A round is five rows: three without an id, one with an id, and the same one again. So four of five count.
"""

from __future__ import annotations

import asyncio
import sys

from storage.log import Append, Counted, DurableLog, Rows, Table
from tests.support.logs import LogPlace

MONTH = 202611
NOW_MS = 1_795_000_000_000


async def append(log: DurableLog, rows: int, ids: tuple[str, ...] = ()) -> int:
    """Appends rows that count as so many events; the last one's place."""
    named = [Rows(Table.EVENTS, "proj_a", [b'"n":1}'] * rows)]
    (first,) = await log.append([Append(named, counted=Counted("proj_a", MONTH, rows, ids))])
    assert isinstance(first, int)
    return first + rows - 1


async def main(place: str, prefix: str) -> None:
    log = LogPlace.parse(place).open(now_ms=lambda: NOW_MS)
    for number in range(1_000_000):
        name = f"{prefix}{number:08}"
        await append(log, 3)
        await append(log, 1, (name,))
        last = await append(log, 1, (name,))
        if number % 3 == 0:
            log.commit(max(log.cursor(), last - 10))
        sys.stdout.write(f"{name}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))

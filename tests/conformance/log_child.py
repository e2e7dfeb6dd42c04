"""A process that appends and says what was acknowledged, until it is killed. Run by path, never imported."""

from __future__ import annotations

import asyncio
import sys

from storage.log import Append, Rows, Table
from tests.support.logs import LogPlace


async def main(place: str) -> None:
    log = LogPlace.parse(place).open()
    count = 0
    while True:
        rows = [b'"n":%d}' % (count + at) for at in range(3)]
        (first,) = await log.append([Append([Rows(Table.EVENTS, "proj_a", rows)])])
        assert isinstance(first, int)
        count += 3
        sys.stdout.write(f"{log.log_id} {first + 2}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))

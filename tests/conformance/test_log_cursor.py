"""The cursor moves while an append is on its way: the step between the commit and the memory of it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from storage.log import Append, Rows, Table
from storage.log.lmdb import LmdbLog

pytestmark = [pytest.mark.disk]


def _append(name: bytes) -> list[Append]:
    return [Append([Rows(Table.EVENTS, "proj_a", [b'"id":"%b"}' % name])])]


class Interleaved(LmdbLog):
    """A log in which an append is stored after the cursor has moved on disk, and before memory knows."""

    loop: asyncio.AbstractEventLoop | None = None
    _known = 0

    @property
    def _cursor(self) -> int:
        return self._known

    @_cursor.setter
    def _cursor(self, seq: int) -> None:
        if self.loop is not None:
            between = self.append(_append(b"between"))
            asyncio.run_coroutine_threadsafe(between, self.loop).result(timeout=10)
        self._known = seq


async def test_an_append_between_the_commit_of_the_cursor_and_its_memory_is_read(tmp_path: Path) -> None:
    log = Interleaved.open(tmp_path / "log", max_bytes=1 << 20)
    try:
        await log.append(_append(b"first"))
        log.loop = asyncio.get_running_loop()
        await asyncio.to_thread(log.commit, 1)
        assert [(block.seq, list(block.rows)) for block in log.read(log.cursor(), 10)] == [
            (2, [b'"id":"between"}'])
        ]
        assert log.stats().lag == 1
    finally:
        await asyncio.to_thread(log.close)

"""Makes the files of ordered exports, and deletes them a day later; a month after that, the order too.

An order is in the records until its file is on disk: killed in between, it is made again from the start.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import timedelta
from typing import Final, Generic, Protocol, TypeVar

from mesh.clock import wall_ms
from mesh.errors import SankofaError
from mesh.exports.records import Export, FileRecords, Files
from mesh.numbered import R

log = logging.getLogger(__name__)

KEPT: Final = timedelta(days=1)
LISTED: Final = timedelta(days=30)
"""How much longer an export is listed than its file is kept."""
ROWS_A_PAGE: Final = 500


T_contra = TypeVar("T_contra", contravariant=True)


class Form(Protocol[T_contra]):
    """How a file is written."""

    def header(self) -> str:
        """What it begins with."""

    def lines(self, rows: Sequence[T_contra]) -> str:
        """Some rows."""


class Exporter(Generic[R]):
    """One per region and kind of log: looks every `every_s` seconds, or when it is told to."""

    def __init__(
        self,
        *,
        records: FileRecords[R],
        files: Files,
        form: Form[R],
        every_s: float,
        clock_ms: Callable[[], int] = wall_ms,
    ) -> None:
        self._records = records
        self._files = files
        self._form = form
        self._every_s = every_s
        self._clock_ms = clock_ms
        self._ordered = asyncio.Event()
        self._at_work = asyncio.Lock()

    def wake(self) -> None:
        """Says that there is a new order."""
        self._ordered.set()

    async def run(self) -> None:
        """Runs until cancelled."""
        await self._files.sweep()
        while True:
            self._ordered.clear()
            try:
                await self.forget()
                for export in await self._records.pending():
                    async with self._at_work:
                        await self._try(export)
            except SankofaError as error:
                log.warning("audit exports: %s", error.public_text)
            try:
                async with asyncio.timeout(self._every_s):
                    await self._ordered.wait()
            except TimeoutError:
                pass

    async def forget(self) -> int:
        """Deletes what is over, and each file that has no export here any more: its log may have moved.

        An export whose file is not here has expired, too: it was made where its log was before. Waits for the
        file that is being made. How many are there afterwards: none. Raises Unavailable.
        """
        async with self._at_work:
            kept_since_ms = self._clock_ms() - KEPT // timedelta(milliseconds=1)
            await self._records.expire(kept_since_ms)
            await self._records.forget(kept_since_ms - LISTED // timedelta(milliseconds=1))
            ready, there = await self._records.with_files(), await self._files.names()
            await self._files.delete(name for name in there if name not in ready)
            await self._records.lose(ready.difference(there))
            return len(set(await self._files.names()) - ready)

    async def _try(self, export: Export) -> None:
        """One that can't be made now keeps none of the others waiting."""
        try:
            await self._make(export)
        except SankofaError as error:
            log.warning("audit export %s waits: %s", export.export_id, error.public_text)

    async def _make(self, export: Export) -> None:
        written = 0

        async def texts() -> AsyncIterator[str]:
            nonlocal written
            yield self._form.header()
            after = 0
            while page := await self._records.rows(export, after_seq=after, limit=ROWS_A_PAGE):
                yield self._form.lines(page)
                after, written = page[-1].seq, written + len(page)

        size = await self._files.write(export.export_id, texts())
        await self._records.ready(export, rows=written, size=size, now_ms=self._clock_ms())

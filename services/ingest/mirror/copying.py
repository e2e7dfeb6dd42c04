"""Keeps the mirror of the region's audit logs in step with the records: copies and erases.

The records say how far each log was copied; that is written when the rows are on the store's disk, and rows
are looked for before they are inserted. So a kill at any moment leaves nothing out and doubles nothing. Every
hour they are counted, and a log of which the store has lost some is copied anew.

One task does all of it, one thing after the other: no row is on its way into the store while others are
erased. When an organisation has left the region its mirror is erased, and only then does its entry in the
records go: the reassignment waits for that (services/org/transfer), in whatever process it runs.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from itertools import islice
from typing import Final

from mesh.clock import wall_ms
from mesh.errors import SankofaError
from storage.analytics.audit_mirror import EVERYTHING, KEPT, AuditMirrorStore
from storage.records.audit.chain import AuditRow
from storage.records.audit.mirrored import Behind, MirrorRecords
from storage.records.audit.reading import Log

_log = logging.getLogger(__name__)

ROWS_AN_INSERT: Final = 2000
SCOPES_A_STEP: Final = 500
MARGIN: Final = timedelta(hours=1)
"""Rows that are about to be too old for the mirror are not counted: the store may drop them meanwhile."""


class AuditMirror:
    """`step` is told each point between two effects: a test kills the process there."""

    def __init__(
        self,
        *,
        records: MirrorRecords,
        store: AuditMirrorStore,
        every_s: float,
        count_every_s: float,
        clock_ms: Callable[[], int] = wall_ms,
        monotonic: Callable[[], float] = time.monotonic,
        step: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._records = records
        self._store = store
        self._every_s = every_s
        self._count_every_s = count_every_s
        self._clock_ms = clock_ms
        self._monotonic = monotonic
        self._step = step
        self._in_doubt = True
        self._counted_at: float | None = None
        self._level_at = monotonic()
        self._rows_behind = 0

    def gauges(self) -> dict[str, float | str]:
        """How many rows wait to be copied, and since when the mirror has not had all of them."""
        return {
            "audit_mirror_rows_behind": self._rows_behind,
            "audit_mirror_lag_seconds": max(self._monotonic() - self._level_at - self._every_s, 0.0),
        }

    async def run(self) -> None:
        """Runs until cancelled. What can't be done now is done with the next look."""
        while True:
            await asyncio.sleep(self._every_s)
            try:
                await self.once()
            except SankofaError as error:
                self._in_doubt = True
                _log.warning("the audit logs are not mirrored for now: %s", error.public_text)

    async def once(self) -> None:
        """One look, and all that it asks for. Raises Unavailable."""
        began = self._monotonic()
        if self._in_doubt:
            await self._store.settle()
            self._in_doubt = False
        await self._erase()
        await self._copy()
        if self._counted_at is None or began >= self._counted_at + self._count_every_s:
            if await self._count():
                await self._copy()
            self._counted_at = began
        self._level_at = began

    async def _erase(self) -> None:
        """What the records do not have any more: of who has left everything, else what was let go."""
        gone = await self._records.gone()
        expired = {
            each.scope: each.first_seq
            for each in await self._records.behind()
            if each.known and each.first_seq > each.erased
        }
        due = expired | dict.fromkeys(gone, EVERYTHING)
        for some in _chunks(list(due)):
            await self._store.erase({scope: due[scope] for scope in some})
            self._step("erased")
            await self._records.let_go({scope: due[scope] for scope in some if scope in expired})
            await self._records.forget([scope for scope in some if scope in gone])
            self._step("forgotten")
        if gone:
            _log.info("the mirrors of %d audit logs that have left were erased", len(gone))

    async def _copy(self) -> None:
        behind = await self._begun(await self._records.behind())
        self._rows_behind = sum(each.seq - max(each.mirrored, each.first_seq) for each in behind)
        rows: list[AuditRow] = []
        reached: dict[str, int] = {}
        for each in behind:
            after = max(each.mirrored, each.first_seq)
            while after < each.seq:
                most = ROWS_AN_INSERT - len(rows)
                some = await self._records.rows(each.log, each.scope, after, each.seq, most)
                # Fewer than were asked for: there are no more, whatever the head says.
                after = some[-1].seq if len(some) == most else each.seq
                rows += some
                reached[each.scope] = after
                if len(rows) == ROWS_AN_INSERT:
                    await self._store_all(rows, reached)
                    rows, reached = [], {}
        if reached:
            await self._store_all(rows, reached)
        self._rows_behind = 0

    async def _begun(self, behind: Sequence[Behind]) -> list[Behind]:
        """Those with more rows than were copied, once it is written that the mirror may hold some."""
        here = {each.scope for each in behind if each.known}
        for log in Log:
            for some in _chunks([each.scope for each in behind if each.log is log and not each.known]):
                here |= await self._records.begin(log, some)
                self._step("begun")
        return [each for each in behind if each.scope in here and each.seq > each.mirrored]

    async def _store_all(self, rows: Sequence[AuditRow], reached: dict[str, int]) -> None:
        oldest_ms = self._clock_ms() - KEPT // timedelta(milliseconds=1)
        kept = [row for row in rows if row.at_ms > oldest_ms]
        missing = await self._store.missing(kept) if kept else []
        self._step("looked")
        if missing:
            await self._store.insert(missing)
        self._step("inserted")
        await self._records.reach(reached)
        self._step("reached")
        self._rows_behind -= len(rows)

    async def _count(self) -> bool:
        """Whether something has to be copied anew: the store has fewer rows than it was given.

        Records that were put back from a backup may know nothing of what it holds: that goes.
        """
        since_ms = self._clock_ms() - (KEPT - MARGIN) // timedelta(milliseconds=1)
        expected = {
            scope: count
            for log in Log
            for scope, count in (await self._records.expected(log, since_ms)).items()
        }
        held = await self._store.counts(since_ms)
        if strangers := held.keys() - await self._records.known():
            await self._store.erase(dict.fromkeys(sorted(strangers), EVERYTHING))
        lacking = [scope for scope, count in expected.items() if held.get(scope, 0) < count]
        if lacking:
            _log.error("the mirrors of %d audit logs have lost rows: they are copied anew", len(lacking))
            for some in _chunks(lacking):
                await self._records.reach(dict.fromkeys(some, 0))
        return bool(lacking)


def _chunks(scopes: Sequence[str]) -> Iterator[list[str]]:
    left = iter(scopes)
    while some := list(islice(left, SCOPES_A_STEP)):
        yield some

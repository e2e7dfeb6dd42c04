"""Whose rows the log takes while it fills, and when to come again.

The log refuses what passes its bound. Before that, a project that holds its share of what waits is refused,
so that there is room for the others; and whoever is refused is told how long the writer needs to make room.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Final

from mesh.errors import SankofaError, Unavailable
from mesh.pressure import DrainRate, Shares
from sankofa.residency.v1.error_pb2 import ERROR_REASON_LOG_FULL, ERROR_REASON_PROJECT_SHARE, ErrorReason
from storage.log import Append, Block, DurableLog, Outcome

_log = logging.getLogger(__name__)

SAMPLE_EVERY_S: Final = 0.2
HEADROOM: Final = 0.05
"""Part of the bound that must be free again before the refused are called back: they all come at once."""

BUSY: Final = 0.25
"""From this part of the bound on, what the writer stores is what it can: with less, it is what arrives."""


class LogAdmission:
    """The log's `append`, behind shares. Runs on one event loop, but for `stored`, which is the writer's.

    `project_share` is the part of the log's bound that one project may hold while no other wants any. Between
    two looks at the log, what is appended counts at once and what is stored does not, to be safe.
    """

    def __init__(
        self, *, log: DurableLog, project_share: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._log = log
        self._shares = Shares(project_share)
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._held: dict[str, int] = {}
        self._stats = log.stats()
        self._calm_bytes = project_share * self._stats.bound_bytes
        self._newest = self._stats.appended
        self._first = self._newest + 1
        self._pending = self._since = self._drained = 0
        self._rate = DrainRate(clock())
        self._refused = dict.fromkeys((ERROR_REASON_LOG_FULL, ERROR_REASON_PROJECT_SHARE), 0)

    async def append(self, appends: Sequence[Append]) -> list[Outcome]:
        """As the log's own, and answers Unavailable to what passes a project's share."""
        sizes = [_size(append) for append in appends]
        refused = [
            self._hold(append.parts[0].project_id, size) for append, size in zip(appends, sizes, strict=True)
        ]
        taken = [at for at, refusal in enumerate(refused) if refusal is None]
        if len(taken) == len(appends):
            return await self._append(appends, sizes)
        outcomes: list[Outcome] = [refusal or 0 for refusal in refused]
        if taken:
            stored = await self._append([appends[at] for at in taken], [sizes[at] for at in taken])
            for at, outcome in zip(taken, stored, strict=True):
                outcomes[at] = outcome
        return outcomes

    def stored(self, blocks: Sequence[Block]) -> None:
        """The writer has stored these: their projects hold less."""
        freed: dict[str, int] = {}
        for block in blocks:
            if block.seq >= self._first:  # what a former run appended was not counted here
                freed[block.project_id] = freed.get(block.project_id, 0) + sum(map(len, block.rows))
        total = sum([sum(map(len, block.rows)) for block in blocks])
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._release, freed, total)

    async def run(self) -> None:
        """Looks at the log for ever."""
        while True:
            await asyncio.sleep(SAMPLE_EVERY_S)
            try:
                await self.look()
            except SankofaError as error:
                _log.warning("the log does not say how full it is: %s", error)

    async def look(self) -> None:
        """Takes the log's own figures for what is used, and how fast it drains."""
        before = self._stats
        self._stats = await asyncio.to_thread(self._log.stats)
        self._since = self._pending
        busy = min(before.used_bytes, self._stats.used_bytes) > BUSY * self._stats.bound_bytes
        (self._rate.observe if busy else self._rate.skip)(self._drained, self._clock())
        if not self._stats.lag and not self._pending and self._newest <= self._stats.committed:
            self._held.clear()  # whatever was counted twice or missed: an empty log is nobody's

    def gauges(self) -> dict[str, float]:
        """For /metrics; no project is named."""
        found = {
            "log_drain_bytes_per_second": self._rate.per_s,
            "log_waiting_projects": len(self._held),
            "log_largest_share_bytes": max(self._held.values(), default=0),
        }
        for reason, count in self._refused.items():
            name = ErrorReason.Name(reason).removeprefix("ERROR_REASON_").lower()
            found[f"ingest_refused_{name}"] = count
        return found

    def _hold(self, project_id: str, size: int) -> Unavailable | None:
        """Takes so many bytes into a project's account, or says why not."""
        held = self._held.get(project_id, 0)
        used = self._stats.used_bytes + self._since
        # While all projects together hold no more than one may alone, no share needs to be looked at.
        if used + size > self._calm_bytes:
            free = self._stats.bound_bytes - used
            if size > free:
                return self._refusal(ERROR_REASON_LOG_FULL, size - free)
            if not self._shares.allow(held, size, free):
                return self._refusal(ERROR_REASON_PROJECT_SHARE, self._shares.excess(held, size, free))
        self._held[project_id] = held + size
        self._pending += size
        self._since += size
        return None

    async def _append(self, appends: Sequence[Append], sizes: list[int]) -> list[Outcome]:
        try:
            outcomes = await self._log.append(appends)
        except Unavailable as error:
            outcomes = [error] * len(appends)
        finally:
            self._pending -= sum(sizes)
        for at, outcome in enumerate(outcomes):
            if isinstance(outcome, int) and outcome > self._newest:
                self._newest = outcome
                continue
            # Refused, or a repetition of what was stored before: it holds nothing.
            self._since -= sizes[at]
            self._release({appends[at].parts[0].project_id: sizes[at]}, 0)
            if isinstance(outcome, Unavailable) and outcome.reason == ERROR_REASON_LOG_FULL:
                outcomes[at] = self._refusal(ERROR_REASON_LOG_FULL, sizes[at])
        return outcomes

    def _refusal(self, reason: ErrorReason, needed_bytes: float) -> Unavailable:
        self._refused[reason] += 1
        room = needed_bytes + HEADROOM * self._stats.bound_bytes
        return Unavailable(reason, retry_after_s=self._rate.retry_after_s(room))

    def _release(self, freed: dict[str, int], drained: int) -> None:
        self._drained += drained
        for project_id, size in freed.items():
            left = self._held.get(project_id, 0) - size
            if left > 0:
                self._held[project_id] = left
            else:
                self._held.pop(project_id, None)


def _size(append: Append) -> int:
    return sum([sum(map(len, part.rows)) for part in append.parts])

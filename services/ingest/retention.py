"""Keeps what is stored in step with what is granted: the days that events carry, and those they should.

A new event carries the days of its project from the moment its directory entry has them. This is for those
that are stored: every hour it looks which days the rows of each project carry, and changes what differs. It
keeps no record of what it has done: the rows say it. So a kill at any moment, an event that waited in the log
while the days changed, and a store put back from a backup are all made good by the next look.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from typing import Final, Protocol

from mesh.clock import wall_ms
from mesh.errors import SankofaError
from mesh.tasks import background
from storage.analytics.engine import Engine
from storage.analytics.retention import RetentionStore
from storage.records.projects import Retention

_log = logging.getLogger(__name__)

FIRST_LOOK_S: Final = 60.0
"""After a start the engine and the writer have more urgent things to do."""

PROJECTS_A_MUTATION: Final = 1000


class GrantRecords(Protocol):
    """Where the region keeps what its projects are granted."""

    async def retention(self) -> dict[str, Retention]:
        """Of every project whose retention is known, by project id."""


class RetentionKeeper:
    """`step` is told each point between two effects: a test kills the process there."""

    def __init__(
        self,
        *,
        grants: GrantRecords,
        store: RetentionStore,
        every_s: float,
        poll_s: float = 0.2,
        clock_ms: Callable[[], int] = wall_ms,
        step: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._grants = grants
        self._store = store
        self._every_s = every_s
        self._poll_s = poll_s
        self._clock_ms = clock_ms
        self._step = step
        self.behind = 0
        """Projects of which rows carry other days than they should, as of the last look."""

    async def run(self) -> None:
        """Runs until cancelled. A store that is away is looked at again with the next look."""
        await asyncio.sleep(min(FIRST_LOOK_S, self._every_s))
        while True:
            try:
                await self.once()
            except SankofaError as error:
                _log.warning("stored events keep their days for now: %s", error.public_text)
            await asyncio.sleep(self._every_s)

    async def once(self) -> None:
        """One look, and the mutations that it asks for, one after the other. Raises StoreUnavailable."""
        await self._mutated()
        due = _due(await self._grants.retention(), await self._store.carried())
        self.behind = len(due)
        self._step("looked")
        for start in range(0, len(due), PROJECTS_A_MUTATION):
            some = dict(list(due.items())[start : start + PROJECTS_A_MUTATION])
            await self._store.begin(some, now_ms=self._clock_ms())
            self._step("begun")
            await self._mutated()
            self._step("done")
            self.behind -= len(some)
            _log.info("the stored events of %d projects were given other days", len(some))

    async def _mutated(self) -> None:
        """Waits until no mutation of the table is left, begun here or by a former run."""
        warned = False
        while any(running := await self._store.running()):
            if running[1] and not warned:
                _log.warning("a mutation of events fails and is tried again: see system.mutations")
                warned = True
            await asyncio.sleep(self._poll_s)


def start_retention(
    *, grants: GrantRecords, engine: Engine, every_s: float, stack: AsyncExitStack
) -> RetentionKeeper:
    """A keeper that runs until `stack` closes."""
    store = RetentionStore(engine=engine)
    stack.push_async_callback(asyncio.to_thread, store.close)
    keeper = RetentionKeeper(grants=grants, store=store, every_s=every_s)
    background(keeper.run(), name="retention", stack=stack)
    return keeper


def _due(granted: Mapping[str, Retention], carried: Mapping[str, set[int]]) -> dict[str, Retention]:
    """What should be carried, for the projects of which some rows carry something else."""
    due = {}
    for project_id, days in carried.items():
        retention = granted.get(project_id)
        if retention and days - {retention.days} - ({0} if retention.spares_older else set()):
            due[project_id] = retention
    return due

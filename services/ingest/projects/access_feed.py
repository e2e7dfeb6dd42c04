"""Follows every region's access feed: who may do what in the projects pinned here, under a lease.

With it comes how long their events are kept.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from contextlib import aclosing
from typing import Protocol

from mesh.directory import AccessFact, Directory, RegionFact
from mesh.errors import SankofaError
from mesh.node import Node
from sankofa.org.v1.org_pb2 import AccessRow, RetentionRow, WatchRequest
from sankofa.org.v1.org_pb2_grpc import AccessServiceStub
from services.ingest.projects.grants import Grants
from services.ingest.projects.receipts import Receipts

_log = logging.getLogger(__name__)

FIRST_RETRY_S, LAST_RETRY_S = 0.1, 2.0
CATALOGUE_EVERY_S = 0.5
SILENCE_S = 15.0
"""A feed without even a heartbeat for so long is dead."""

_AWAY = (SankofaError, TimeoutError)


class AccessWriter(Directory, Protocol):
    """The cell's directory, as its one writer sees it."""

    async def replace_access(self, primary_region: str, rows: Iterable[AccessFact], epoch: int) -> None:
        """Takes the whole list of a primary region as it was at `epoch`."""

    async def put_access(self, primary_region: str, rows: Sequence[AccessFact]) -> None:
        """Takes changed rows of a primary region."""

    async def renew_lease(self, primary_region: str, now_ms: int | None = None) -> None:
        """Says that a primary region's rows are current."""


class AccessFeed:
    """One watch per region of the catalogue, this one included."""

    def __init__(
        self, *, node: Node, directory: AccessWriter, grants: Grants, receipts: Receipts, region: str
    ) -> None:
        self._node = node
        self._receipts = receipts
        self._directory = directory
        self._grants = grants
        self._region = region

    async def run(self) -> None:
        """Runs until cancelled. Starts and ends watches as regions and their addresses come and go."""
        followed: dict[RegionFact, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as tasks:
            while True:
                wanted = {fact for fact in self._directory.regions() if self._reachable(fact)}
                for fact in followed.keys() - wanted:
                    followed.pop(fact).cancel()
                for fact in wanted - followed.keys():
                    followed[fact] = tasks.create_task(self._follow(fact), name=f"access of {fact.id}")
                await asyncio.sleep(CATALOGUE_EVERY_S)

    def _reachable(self, region: RegionFact) -> bool:
        """A region added since this process started has no authority here until it starts again."""
        return bool(region.org_at) and region.id in self._node.credentials.authorities

    async def _follow(self, primary: RegionFact) -> None:
        """A region that is away is asked again after 0.1 s, doubling to 2 s; rows stay, leases end."""
        retry_s = FIRST_RETRY_S
        async with self._node.channel(primary.id, primary.org_at) as channel:
            while True:
                began = asyncio.get_running_loop().time()
                try:
                    await self._watch(primary.id, AccessServiceStub(channel))
                except _AWAY as error:
                    level = logging.INFO if retry_s == FIRST_RETRY_S else logging.DEBUG
                    _log.log(level, "the access feed of %s ended (%s): trying again", primary.id, error)
                if asyncio.get_running_loop().time() - began > LAST_RETRY_S:
                    retry_s = FIRST_RETRY_S
                await asyncio.sleep(retry_s)
                retry_s = min(retry_s * 2, LAST_RETRY_S)

    async def _watch(self, primary_region: str, stub: AccessServiceStub) -> None:
        request = WatchRequest(primary_region=primary_region, project_region=self._region)
        full: list[AccessFact] | None = []
        undecided: list[RetentionRow] = []
        async with aclosing(stub.Watch(request)) as messages:
            while True:
                async with asyncio.timeout(SILENCE_S):
                    message = await anext(messages, None)
                if message is None:
                    return
                rows = [_fact(row) for row in message.rows]
                undecided += message.retention
                if full is not None:
                    # Nothing is decided on half a list: the lease starts when all of it is here.
                    full += rows
                    if not message.complete:
                        continue
                    await self._directory.replace_access(primary_region, full, message.epoch)
                    full = None
                elif rows:
                    await self._directory.put_access(primary_region, rows)
                await self._receipts.note(primary_region, message.epoch)
                await self._directory.renew_lease(primary_region)
                undecided = await self._grants.take(primary_region, undecided)


def _fact(row: AccessRow) -> AccessFact:
    return AccessFact(row.user_id, row.project_id, row.org_id, row.role, row.home_region, row.epoch)

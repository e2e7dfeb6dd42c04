"""What the registry decides: whose rows it takes, and what a watch is told, in which order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence

from mesh.errors import Forbidden, Unavailable
from mesh.signing import RowVerifier
from sankofa.registry.v1.registry_pb2 import (
    Catalogue,
    Heartbeat,
    Rows,
    SignedRow,
    SnapshotBegin,
    SnapshotEnd,
    WatchResponse,
)
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.region_registry.lookups import LookUps
from storage.registry.rules import MAX_ID_BYTES, Position
from storage.registry.store import RegistryStore

_log = logging.getLogger(__name__)

PAGE_ROWS = 1_000
"""Rows in one message of a watch: some 300 kB."""


class Registry:
    """Takes each region's own signed rows, and tells every region of all changes."""

    def __init__(
        self,
        *,
        store: RegistryStore,
        verifier: RowVerifier,
        catalogue: Catalogue,
        lookups: LookUps,
        poll_s: float,
        heartbeat_s: float,
    ) -> None:
        self._store = store
        self._verifier = verifier
        self._catalogue = catalogue
        self._lookups = lookups
        self._poll_s = poll_s
        self._heartbeat_s = heartbeat_s
        self._head = Position("", 0)
        self._moved = asyncio.Condition()

    async def start(self) -> None:
        """Learns where the feed is and whose signatures it knows."""
        self._head = await self._store.position()
        await self._learn_signers()

    async def put(self, caller_region: str, rows: Sequence[SignedRow]) -> Position:
        """Stores rows of the caller's own region, all or none. Raises Forbidden, Conflict, InvalidInput."""
        if any(signed.row.region != caller_region for signed in rows):
            raise Forbidden(ErrorReason.ERROR_REASON_ROW_NOT_OWN)
        try:
            await asyncio.to_thread(self._check, rows)
        except Forbidden:
            # The signer may have come through another registry on the same database.
            await self._learn_signers()
            await asyncio.to_thread(self._check, rows)
        position = await self._store.put(rows)
        await self._note(position)
        return position

    async def find_login_hint(self, caller_region: str, hint: str) -> tuple[SignedRow, SignedRow] | None:
        """The row that says where an account is, and its signer's. Raises RateLimited(LOOKUP_THROTTLED)."""
        if len(hint) > MAX_ID_BYTES:
            return None
        self._lookups.count(caller_region, hint)
        return await self._store.find_login_hint(hint)

    async def watch(self, known: Position, region: str | None) -> AsyncIterator[WatchResponse]:
        """The catalogue; then a snapshot, unless `known` is a place in this feed; then changes as they come.

        Ends when the store turns out to be another: whoever watches comes again, and compares everything.
        """
        feed_id, head = await self._store.position()
        resumes = known.feed_id == feed_id and 0 < known.seq <= head
        seq = known.seq if resumes else 0
        yield WatchResponse(feed_id=feed_id, seq=seq, catalogue=self._catalogue)
        if not resumes:
            yield WatchResponse(feed_id=feed_id, snapshot_begin=SnapshotBegin())
            async for seq, rows in self._pages(0, region):
                if rows:
                    yield WatchResponse(feed_id=feed_id, seq=seq, rows=Rows(rows=rows))
            yield WatchResponse(feed_id=feed_id, seq=seq, snapshot_end=SnapshotEnd())
        clock = asyncio.get_running_loop().time
        last_s = clock()
        while self._head.feed_id == feed_id:
            async for reached, rows in self._pages(seq, region):
                seq = reached
                if rows:
                    yield WatchResponse(feed_id=feed_id, seq=seq, rows=Rows(rows=rows))
                    last_s = clock()
            if clock() - last_s >= self._heartbeat_s:
                yield WatchResponse(feed_id=feed_id, seq=seq, heartbeat=Heartbeat())
                last_s = clock()
            await self._news(feed_id, seq, last_s + self._heartbeat_s)

    async def follow(self) -> None:
        """Notices what other registries write to the same database, until cancelled."""
        while True:
            await asyncio.sleep(self._poll_s)
            try:
                await self._note(await self._store.position())
            except Unavailable:
                _log.warning("the registry's database is away")

    async def _pages(self, seq: int, region: str | None) -> AsyncIterator[tuple[int, list[SignedRow]]]:
        """Changes after `seq`, each page with the number up to which nothing is missing."""
        full = True
        while full:
            before = await self._store.position()
            page = await self._store.changes(seq, region, PAGE_ROWS)
            full = len(page) == PAGE_ROWS
            last = page[-1][0] if page else seq
            # A short page reaches at least to where the feed was before it was read: other regions' rows.
            seq = last if full else max(last, before.seq)
            yield seq, [signed for _, signed in page]

    async def _news(self, feed_id: str, seq: int, until_s: float) -> None:
        """Waits until the feed has moved past `seq`, or until `until_s` on the loop's clock."""
        try:
            async with asyncio.timeout_at(until_s), self._moved:
                await self._moved.wait_for(lambda: self._head.feed_id != feed_id or self._head.seq > seq)
        except TimeoutError:
            return

    async def _note(self, position: Position) -> None:
        async with self._moved:
            if position.feed_id != self._head.feed_id or position.seq > self._head.seq:
                self._head = position
                self._moved.notify_all()

    async def _learn_signers(self) -> None:
        for signed in await self._store.signers():
            try:
                self._verifier.add(signed)
            except Forbidden:
                _log.warning("a stored signer of %s is no longer valid", signed.row.region)

    def _check(self, rows: Sequence[SignedRow]) -> None:
        for signed in rows:
            self._verifier.check(signed)

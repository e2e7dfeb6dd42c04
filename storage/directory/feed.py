"""Keeps a directory up to date from the registry's feed, for as long as it runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing

import grpc

from mesh.errors import Forbidden, SankofaError
from mesh.signing import RowVerifier
from sankofa.registry.v1.registry_pb2 import SignedRow, WatchRequest, WatchResponse
from sankofa.registry.v1.registry_pb2_grpc import RegistryServiceStub
from storage.directory.lmdb import LmdbDirectory
from storage.registry.rules import Position, check_form

_log = logging.getLogger(__name__)

FIRST_RETRY_S, LAST_RETRY_S = 0.1, 2.0
SILENCE_S = 15.0
"""A watch without even a heartbeat for so long is dead."""

_AWAY = (SankofaError, grpc.RpcError, TimeoutError)


async def _nobody(_feed_id: str) -> None:
    """Nobody wants to know."""


class DirectoryFeed:
    """Watch → verify each row → apply it with its position. `ready` says that routes are known.

    `on_feed_change` is awaited with the id of a feed that is new to this directory, before the feed counts
    as known: the cell sends its own rows again. Where it raises SankofaError it is called again.
    """

    def __init__(
        self,
        *,
        directory: LmdbDirectory,
        verifier: RowVerifier,
        stub: Callable[[], RegistryServiceStub],
        region: str | None,
        on_feed_change: Callable[[str], Awaitable[None]] = _nobody,
    ) -> None:
        self._directory = directory
        self._verifier = verifier
        self._stub = stub
        self._region = region
        self._on_feed_change = on_feed_change
        self._retry_s = FIRST_RETRY_S
        self.ready = asyncio.Event()
        self.refused = 0
        """Rows that were not applied: not signed by their region, or a second value of a pin."""

    async def run(self) -> None:
        """Runs until cancelled. A registry that is away is asked again after 0.1 s, doubling to 2 s."""
        for signed in self._directory.signers():
            try:
                self._verifier.add(signed)
            except Forbidden:
                _log.warning("a stored signer of %s is no longer valid", signed.row.region)
        self._note_ready()
        while True:
            try:
                await self._watch()
            except _AWAY as error:
                _log.info("the registry's feed ended (%s): trying again", type(error).__name__)
            await asyncio.sleep(self._retry_s)
            self._retry_s = min(self._retry_s * 2, LAST_RETRY_S)

    async def _watch(self) -> None:
        position = self._directory.feed_position() or Position("", 0)
        request = WatchRequest(feed_id=position.feed_id, after_seq=position.seq, region=self._region or "")
        comparing = False
        self._directory.abandon_full_compare()
        async with aclosing(self._stub().Watch(request)) as responses:
            while True:
                async with asyncio.timeout(SILENCE_S):
                    response = await anext(responses, None)
                if response is None:
                    return
                self._retry_s = FIRST_RETRY_S
                comparing = await self._take(response, comparing=comparing)
                self._note_ready()

    async def _take(self, response: WatchResponse, *, comparing: bool) -> bool:
        """Applies one step; whether a full compare is going on after it."""
        position = Position(response.feed_id, response.seq)
        match response.WhichOneof("event"):
            case "catalogue":
                await self._directory.set_catalogue(response.catalogue)
            case "snapshot_begin":
                self._directory.begin_full_compare()
                return True
            case "rows":
                verified = await asyncio.to_thread(self._verified, response.rows.rows)
                # Until a compare ends its position is not stored: cut off, it starts again.
                self.refused += await self._directory.apply(verified, None if comparing else position)
            case "snapshot_end":
                known = self._directory.feed_position()
                if known is None or known.feed_id != position.feed_id:
                    await self._on_feed_change(position.feed_id)
                await self._directory.end_full_compare(position)
                return False
            case "heartbeat":
                if not comparing and self._directory.feed_position() != position:
                    await self._directory.set_feed_position(position)
        return comparing

    def _verified(self, rows: Sequence[SignedRow]) -> list[SignedRow]:
        """The rows that their regions signed. The others are refused one by one; no payload is logged."""
        good = []
        for signed in rows:
            try:
                check_form(signed.row)
                self._verifier.check(signed)
            except SankofaError as error:
                self.refused += 1
                _log.error("refused a row said to be of %r: %s", signed.row.region[:50], error.public_text)
            else:
                good.append(signed)
        return good

    def _note_ready(self) -> None:
        if self._directory.default_region() is not None and self._directory.feed_position() is not None:
            self.ready.set()

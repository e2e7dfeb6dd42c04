"""Publishes the outbox at the registry, for as long as it takes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import timedelta

from mesh.errors import Conflict, InvalidInput, SankofaError
from mesh.signing import RowSigner
from sankofa.registry.v1.registry_pb2 import PutRowsRequest, Row
from sankofa.registry.v1.registry_pb2_grpc import RegistryServiceStub
from storage.records.outbox import Outbox, Pending

_log = logging.getLogger(__name__)

BATCH_ROWS = 500
FIRST_RETRY_S, LAST_RETRY_S = 0.1, 2.0

_FINAL = (Conflict, InvalidInput)
"""The registry will never take such a row. Anything else is worth another try."""


class Publisher:
    """One per cell: reads the outbox, signs, writes to the registry in order, marks what is there.

    Rows are signed as they leave, the signer's own row before them: the registry may be new.
    """

    def __init__(self, *, outbox: Outbox, signer: RowSigner, stub: Callable[[], RegistryServiceStub]) -> None:
        self._outbox = outbox
        self._signer = signer
        self._stub = stub
        self._feed_id: str | None = None
        self._due = asyncio.Event()
        self._tried = asyncio.Event()

    async def run(self) -> None:
        """Runs until cancelled. A registry that is away is tried again after 0.1 s, doubling to 2 s."""
        retry_s = FIRST_RETRY_S
        while True:
            self._due.clear()
            try:
                while batch := await self._outbox.pending(self._feed_id, BATCH_ROWS):
                    await self._publish(batch)
                    retry_s = FIRST_RETRY_S
            except SankofaError as error:
                _log.info("the registry did not take rows (%s): trying again", error.public_text)
                self._note_tried()
                await asyncio.sleep(retry_s)
                retry_s = min(retry_s * 2, LAST_RETRY_S)
            else:
                self._note_tried()
                await self._due.wait()

    def wake(self) -> None:
        """Says that the outbox has new rows."""
        self._due.set()

    async def republish(self, feed_id: str) -> None:
        """Says which feed the registry has now: rows that it does not have are published again."""
        self._feed_id = feed_id
        self.wake()

    async def flush(self, timeout: timedelta) -> bool:
        """Waits until the registry has every row; False where that takes longer."""
        try:
            async with asyncio.timeout(timeout.total_seconds()):
                while True:
                    tried = self._tried
                    if not await self._outbox.pending(self._feed_id, 1):
                        return True
                    self.wake()
                    await tried.wait()
        except TimeoutError:
            return False

    async def put(self, rows: Sequence[Row]) -> None:
        """Writes rows at once, past the outbox. Raises what the registry answers."""
        signed = [self._signer.signer_row(), *(self._signer.sign(row) for row in rows)]
        answer = await self._stub().PutRows(PutRowsRequest(rows=signed))
        if answer.feed_id != self._feed_id:
            await self.republish(answer.feed_id)

    async def _publish(self, batch: Sequence[Pending]) -> None:
        try:
            await self.put([pending.row for pending in batch])
        except _FINAL as error:
            if len(batch) == 1:
                _log.error("the registry refused a row for ever: %s", error.public_text)
                await self._settle(batch, error.public_text)
                return
            for one in batch:
                await self._publish([one])
        else:
            await self._settle(batch, None)

    async def _settle(self, batch: Sequence[Pending], refusal: str | None) -> None:
        await self._outbox.settle([one.id for one in batch], self._feed_id or "", refusal=refusal)

    def _note_tried(self) -> None:
        self._tried.set()
        self._tried = asyncio.Event()

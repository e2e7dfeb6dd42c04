"""DeadLetterService: what the store can't take, for the region's operators and for nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Final

import grpc

from mesh.access import require_operator
from mesh.errors import NotFound
from sankofa.ingest.v1 import dead_letters_pb2 as pb
from sankofa.ingest.v1.dead_letters_pb2_grpc import DeadLetterServiceServicer
from storage.log import DeadLetter, DurableLog

DEFAULT_LIMIT: Final = 100

Context = grpc.aio.ServicerContext[Any, Any]


class DeadLetterService(DeadLetterServiceServicer):
    """Dead letters of one region's log."""

    def __init__(self, *, log: DurableLog) -> None:
        self._log = log

    async def ListDeadLetters(
        self, request: pb.ListDeadLettersRequest, context: Context
    ) -> pb.ListDeadLettersResponse:
        """A page of them."""
        require_operator()
        letters = await asyncio.to_thread(self._log.dead_letters, request.after_seq)
        page = letters[: request.limit or DEFAULT_LIMIT]
        total = (await asyncio.to_thread(self._log.stats)).dead_letters
        return pb.ListDeadLettersResponse(dead_letters=[_described(letter) for letter in page], total=total)

    async def ShowDeadLetter(
        self, request: pb.ShowDeadLetterRequest, context: Context
    ) -> pb.ShowDeadLetterResponse:
        """One with its row. Raises NotFound, also for another project's."""
        require_operator()
        letters = await asyncio.to_thread(self._log.dead_letters, max(0, request.seq - 1))
        for letter in letters[:1]:
            record = letter.record
            if (record.seq, record.project_id) == (request.seq, request.project_id):
                row = b"{" + record.row
                return pb.ShowDeadLetterResponse(dead_letter=_described(letter), row=row)
        raise NotFound(detail="no such dead letter of this project")

    async def ReplayDeadLetters(
        self, request: pb.ReplayDeadLettersRequest, context: Context
    ) -> pb.ReplayDeadLettersResponse:
        """Raises Unavailable where the log is full: those before it are replayed."""
        require_operator()
        places = await self._each(self._log.replay, request.seqs)
        return pb.ReplayDeadLettersResponse(replayed=sum(place is not None for place in places))

    async def DropDeadLetters(
        self, request: pb.DropDeadLettersRequest, context: Context
    ) -> pb.DropDeadLettersResponse:
        """For ever."""
        require_operator()
        return pb.DropDeadLettersResponse(dropped=sum(await self._each(self._log.drop, request.seqs)))

    async def _each(self, act: Callable[[int], Any], seqs: Iterable[int]) -> list[Any]:
        """Only behind the cursor: a row beyond it is the writer's, who may bury it again after a kill."""
        cursor = self._log.cursor()
        return [await asyncio.to_thread(act, seq) for seq in seqs if seq <= cursor]


def _described(letter: DeadLetter) -> pb.DeadLetter:
    record = letter.record
    return pb.DeadLetter(
        seq=record.seq,
        table=record.table.value,
        project_id=record.project_id,
        reason=letter.reason,
        size_bytes=len(record.row),
        at_unix_ms=letter.at_ms,
    )

"""Tells the cell which API tokens are in use: each once in ten minutes at most, beside the requests."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final, Protocol

from mesh.directory import ApiTokenFact
from mesh.errors import SankofaError
from mesh.tasks import background
from sankofa.ingest.v1.api_token_pb2 import NoteTokenUseRequest, NoteTokenUseResponse

log = logging.getLogger(__name__)

TOLD_EVERY_S: Final = 600.0
CALL_TIMEOUT_S: Final = 2.0
MOST_WAITING: Final = 1_000
"""Beyond it a use is not told of: the next one is."""


class Noter(Protocol):
    """NoteTokenUse of the region's ingest."""

    async def __call__(self, request: NoteTokenUseRequest, *, timeout: float) -> NoteTokenUseResponse:
        """Raises SankofaError."""


class TokenUses:
    """Runs inside `running`. What a cell that is away was not told is told with a token's next use."""

    def __init__(self, *, noter: Noter, clock: Callable[[], float] = time.monotonic) -> None:
        self._noter = noter
        self._clock = clock
        self._told_s: dict[str, float] = {}
        self._due: asyncio.Queue[ApiTokenFact] = asyncio.Queue(MOST_WAITING)

    def note(self, token: ApiTokenFact) -> None:
        """Says that a token is in use. Never waits."""
        now_s = self._clock()
        if now_s - self._told_s.get(token.token_id, -TOLD_EVERY_S) < TOLD_EVERY_S or self._due.full():
            return
        self._told_s.pop(token.token_id, None)  # so that the oldest stays the first
        self._told_s[token.token_id] = now_s
        self._due.put_nowait(token)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[TokenUses]:
        """Tells the cell for as long as the context is."""
        async with AsyncExitStack() as stack:
            background(self._run(), name="uses of API tokens", stack=stack)
            yield self

    async def _run(self) -> None:
        while True:
            token = await self._due.get()
            request = NoteTokenUseRequest(project_id=token.project_id, token_id=token.token_id)
            try:
                await self._noter(request, timeout=CALL_TIMEOUT_S)
            except SankofaError as error:
                log.info("the use of an API token is not written yet: %s", error)
                self._told_s.pop(token.token_id, None)
            self._forget()

    def _forget(self) -> None:
        """What was told longer ago says nothing any more."""
        since_s = self._clock() - TOLD_EVERY_S
        while self._told_s and self._told_s[oldest := next(iter(self._told_s))] <= since_s:
            del self._told_s[oldest]

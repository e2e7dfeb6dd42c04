"""ErasureService: an order to erase, durable in the log before it is answered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

import grpc

from mesh.access import authorise
from mesh.context import current
from mesh.directory import Directory
from mesh.errors import InvalidInput, SankofaError
from mesh.ids import new_id
from mesh.permissions import ProjectAction
from sankofa.ingest.v1.erasure_pb2 import ErasePersonRequest, ErasePersonResponse
from sankofa.ingest.v1.erasure_pb2_grpc import ErasureServiceServicer
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.ingest.core import ENVIRONMENTS
from services.ingest.erasing import order_row
from storage.analytics.erasing import OFF_DISK_AFTER, ErasureOrder
from storage.log import Append, DurableLog, Rows, Table
from storage.records.audit.reading import AuditRecords

WAIT: Final = timedelta(seconds=5)
"""How long an answer waits for the writer to carry the order out: mostly it can say when that was."""

Reached = Callable[[int, timedelta], bool]
"""Blocks until the writer is past a place in the log; False where that takes longer."""


class ErasureService(ErasureServiceServicer):
    """For Admins of a project: the guard has looked at the pin before."""

    def __init__(
        self, *, log: DurableLog, directory: Directory, reached: Reached, audit: AuditRecords | None
    ) -> None:
        self._log = log
        self._audit = audit
        self._directory = directory
        self._reached = reached

    async def ErasePerson(
        self, request: ErasePersonRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> ErasePersonResponse:
        """Raises Unavailable where the log is full: nothing is erased then."""
        token = current().token
        authorise(self._directory, token, request.project_id, ProjectAction.ERASE_PERSON, mutation=True)
        environment = ENVIRONMENTS.get(request.environment)
        if environment is None:
            raise InvalidInput(detail="environment")
        if not request.distinct_id:
            raise InvalidInput(ErrorReason.ERROR_REASON_MISSING_DISTINCT_ID)
        order = ErasureOrder(
            erasure_id=new_id("era"),
            project_id=request.project_id,
            environment=environment,
            distinct_id=request.distinct_id,
        )
        if self._audit is not None:
            # Before the order: killed between the two, the log tells of one that was never begun.
            await self._audit.erasure_ordered(request.project_id, order.erasure_id, environment)
        rows = Rows(Table.ERASURES, request.project_id, [order_row(order)])
        (place,) = await self._log.append([Append([rows])])
        if isinstance(place, SankofaError):
            raise place
        if not await asyncio.to_thread(self._reached, place, WAIT):
            return ErasePersonResponse(erasure_id=order.erasure_id)
        erased_at_ms = time.time_ns() // 1_000_000
        return ErasePersonResponse(
            erasure_id=order.erasure_id,
            erased_at_unix_ms=erased_at_ms,
            off_disk_by_unix_ms=erased_at_ms + OFF_DISK_AFTER // timedelta(milliseconds=1),
        )

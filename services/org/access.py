"""AccessService: tells a region who may do what in the projects pinned to it, and what plans grant them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from mesh.context import current
from mesh.directory import AccessFact
from mesh.errors import CrossingRefused
from mesh.plans import TERMS, retention_days
from sankofa.org.v1.org_pb2 import AccessRow, RetentionRow, WatchRequest, WatchResponse
from sankofa.org.v1.org_pb2_grpc import AccessServiceServicer
from services.org.signal import ChangeSignal
from storage.records.orgs import AccessChanges, OrgRecords, ProjectRetention

ROWS_A_MESSAGE = 1000


class AccessServicer(AccessServiceServicer):
    """Feeds of this region's organisations."""

    def __init__(self, *, records: OrgRecords, changes: ChangeSignal, heartbeat_s: float) -> None:
        self._records = records
        self._changes = changes
        self._heartbeat_s = heartbeat_s

    async def Watch(self, request: WatchRequest, context: object) -> AsyncIterator[WatchResponse]:
        """Everything, then changes as they come; an empty message when there are none for a while."""
        if current().caller.region != request.project_region:
            raise CrossingRefused
        # Counted before the records are read: a change in between ends the next wait at once.
        seen, beginning = self._changes.count, self._changes.beginning
        access = await self._records.access(request.project_region, after_seq=None)
        for message in _messages(access):
            yield message
        yield WatchResponse(complete=True, epoch=access.seq)
        while True:
            await self._changes.wait_beyond(seen, self._heartbeat_s)
            if self._changes.beginning != beginning:
                return  # whoever watches comes again, and hears the whole list
            seen, after = self._changes.count, access.seq
            access = await self._records.access(request.project_region, after_seq=after)
            messages = list(_messages(access)) or [WatchResponse()]
            messages[-1].epoch = access.seq
            for message in messages:
                yield message


def _messages(access: AccessChanges) -> Iterator[WatchResponse]:
    for start in range(0, len(access.rows), ROWS_A_MESSAGE):
        yield WatchResponse(rows=[_row(fact) for fact in access.rows[start : start + ROWS_A_MESSAGE]])
    for start in range(0, len(access.retention), ROWS_A_MESSAGE):
        some = access.retention[start : start + ROWS_A_MESSAGE]
        yield WatchResponse(retention=[_retention_row(each) for each in some])


def _row(fact: AccessFact) -> AccessRow:
    return AccessRow(
        user_id=fact.user_id,
        project_id=fact.project_id,
        org_id=fact.org_id,
        role=fact.role,
        home_region=fact.home_region,
        epoch=fact.epoch,
    )


def _retention_row(retention: ProjectRetention) -> RetentionRow:
    days = retention_days(retention.plan, retention.wanted_days)
    return RetentionRow(
        project_id=retention.project_id,
        org_id=retention.org_id,
        days=days,
        audit_days=TERMS[retention.plan].audit_days,
        plan=retention.plan,
    )

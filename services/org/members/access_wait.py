"""Waits until a changed role counts: in the organisation at once, in a project once its region has it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import Final, Protocol

from mesh.directory import Directory
from mesh.errors import SankofaError
from mesh.node import Node
from sankofa.ingest.v1.access_pb2 import AwaitRequest
from sankofa.ingest.v1.access_pb2_grpc import AccessReceiptServiceStub
from sankofa.registry.v1.registry_pb2 import Row
from services.org.signal import ChangeSignal

_log = logging.getLogger(__name__)

PATIENCE_S: Final = 3.0
"""For one region's answer, which takes 2 s at most."""


Tell = Callable[[Sequence[Row]], Awaitable[None]]


class AccessTold(Protocol):
    """What of the records says how far their feed is."""

    async def feed(self, org_id: str) -> tuple[int, list[str]]:
        """The number of the last change, and the regions of an organisation's projects."""


class AccessWait:
    """Tells the access feeds, and waits for those that a change concerns. `tell`: of sessions that ended.

    A region that does not answer in time is not waited for longer: it learns of the change as soon as it
    follows its feed again, and decides no mutation on rows that are past their lease.
    """

    def __init__(
        self,
        *,
        node: Node,
        directory: Directory,
        records: AccessTold,
        changes: ChangeSignal,
        tell: Tell,
        stack: AsyncExitStack,
    ) -> None:
        self._node = node
        self._directory = directory
        self._records = records
        self._changes = changes
        self._tell = tell
        self._stack = stack
        self._stubs: dict[tuple[str, str], AccessReceiptServiceStub] = {}

    async def told(self, org_id: str, ended: Sequence[Row] = ()) -> None:
        """Returns when what has been changed counts everywhere that can be reached.

        `ended`: what the records have answered where a membership has ended, the ends of its sessions.
        """
        await self._tell(ended)
        await self._changes.notify()
        epoch, regions = await self._records.feed(org_id)
        await asyncio.gather(*(self._taken(region, epoch) for region in regions))

    async def _taken(self, region: str, epoch: int) -> None:
        request = AwaitRequest(region=region, primary_region=self._node.region, epoch=epoch)
        try:
            stub = self._stub(region)
            if stub is not None and (await stub.Await(request, timeout=PATIENCE_S)).taken:
                return
        except SankofaError as error:
            _log.info("%s can't say whether it knows of a change of roles: %s", region, error.public_text)
            return
        _log.info("%s does not know of a change of roles yet", region)

    def _stub(self, region: str) -> AccessReceiptServiceStub | None:
        fact = self._directory.region(region)
        known = self._node.credentials.authorities
        if fact is None or not fact.federated_address or region not in known:
            return None
        key = (region, fact.federated_address)
        if key not in self._stubs:
            channel = self._node.channel(*key)
            self._stack.push_async_callback(channel.close)
            self._stubs[key] = AccessReceiptServiceStub(channel)
        return self._stubs[key]

"""Finishes creations that were cut off between the project's region and this one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from mesh.clock import wall_ms
from mesh.context import act_as
from mesh.directory import Directory
from mesh.errors import SankofaError, Unavailable
from mesh.node import Node
from sankofa.ingest.v1.project_pb2 import CheckProvisionRequest, ProjectState
from sankofa.ingest.v1.project_pb2_grpc import ProjectServiceStub
from services.org.signal import ChangeSignal
from storage.records.orgs import OrgProject, OrgRecords

_log = logging.getLogger(__name__)


class Reconciler:
    """Asks a project's region whether it exists, once its ticket can no longer create it."""

    def __init__(
        self,
        *,
        node: Node,
        directory: Directory,
        records: OrgRecords,
        changes: ChangeSignal,
        after_s: float,
        every_s: float,
        clock_ms: Callable[[], int] = wall_ms,
    ) -> None:
        self._node = node
        self._authorities = node.credentials.authorities
        self._directory = directory
        self._records = records
        self._changes = changes
        self._after_ms = int(after_s * 1000)
        self._every_s = every_s
        self._clock_ms = clock_ms

    async def run(self) -> None:
        """Runs until cancelled. A region that is away is asked again at the next look."""
        while True:
            try:
                await self.once()
            except SankofaError as error:
                _log.warning("pending projects are looked at again later: %s", error.public_text)
            await asyncio.sleep(self._every_s)

    async def once(self) -> None:
        """Settles every pending project whose ticket has ended and whose region answers."""
        act_as("system/reconciler")
        for project in await self._records.overdue(self._clock_ms() - self._after_ms):
            try:
                exists = await self._exists(project)
            except SankofaError as error:
                _log.info("%s can't say whether %s exists: %s", project.region, project.project_id, error)
                continue
            if exists:
                await self._records.complete(project.org_id, project.project_id)
                await self._changes.notify()
            else:
                await self._records.drop_pending(project.org_id, project.project_id)

    async def _exists(self, project: OrgProject) -> bool:
        region = self._directory.region(project.region)
        if region is None or not region.federated_address or region.id not in self._authorities:
            raise Unavailable
        request = CheckProvisionRequest(region=project.region, project_id=project.project_id)
        async with self._node.channel(project.region, region.federated_address) as channel:
            answer = await ProjectServiceStub(channel).CheckProvision(request)
        return bool(answer.state != ProjectState.PROJECT_STATE_UNSPECIFIED)

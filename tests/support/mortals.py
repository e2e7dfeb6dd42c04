"""Two regions' cells as processes that die at a step, and the registry between them."""

from __future__ import annotations

import asyncio
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from mesh.client import GuardedChannel
from mesh.errors import CrossingRefused, Unavailable
from sankofa.org.v1 import org_pb2 as org_pb
from sankofa.org.v1 import transfer_pb2 as pb
from sankofa.org.v1.org_pb2_grpc import OrgServiceStub
from sankofa.org.v1.transfer_pb2_grpc import AssignmentServiceStub
from services.region_registry.config import CatalogueRegion
from tests.support.cells import HINTS, PASSWORD, Owner, RunningRegistry
from tests.support.nodes import EU, US, make_node

DEADLINE_S = 60.0


@dataclass
class Mortal:
    """A cell's process, which can be started again on its port."""

    pki: Path
    folder: Path
    region: str
    records_url: str = ""
    port: int = 0
    process: Process | None = None

    async def start(self) -> None:
        self.folder.mkdir(exist_ok=True)
        command = (sys.executable, "-m", "tests.support.mortal_cell", self.pki, self.folder, self.region)
        more = (str(self.port), *([self.records_url] if self.records_url else []))
        self.process = await asyncio.create_subprocess_exec(*map(str, (*command, *more)), stdout=PIPE)
        assert self.process.stdout is not None
        line = await asyncio.wait_for(self.process.stdout.readline(), DEADLINE_S)
        assert line.startswith(b"port "), "the cell did not start"
        self.port = int(line.split()[1])

    def die_at(self, step: str) -> None:
        (self.folder / "die").write_text(step)

    async def ended(self) -> int:
        assert self.process is not None
        return await asyncio.wait_for(self.process.wait(), DEADLINE_S)

    async def stop(self) -> None:
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()


@dataclass
class Mortals:
    """Both, and who calls them: the shims' certificates, and no directory that could be stale."""

    pki: Path
    of: dict[str, Mortal]
    stack: AsyncExitStack
    channels: dict[str, GuardedChannel] = field(default_factory=dict)

    def orgs(self, region: str) -> OrgServiceStub:
        return OrgServiceStub(self._channel(region))

    def assignments(self, region: str) -> AssignmentServiceStub:
        return AssignmentServiceStub(self._channel(region))

    async def sign_up(self, region: str, email: str) -> Owner:
        request = org_pb.SignUpRequest(region=region, email=email, password=PASSWORD, org_name="Analytical")
        answer = await self.orgs(region).SignUp(request)
        return Owner(answer.token, answer.user.user_id, answer.orgs[0].org_id, region)

    async def log_in(self, email: str, *regions: str) -> Owner:
        """At whichever of the regions is the account's home."""
        for region in regions or (EU, US):
            request = org_pb.LoginRequest(hint=HINTS.hint(email), email=email, password=PASSWORD)
            try:
                answer = await self.orgs(region).Login(request)
            except CrossingRefused:
                continue
            (org,) = answer.orgs
            return Owner(answer.token, answer.user.user_id, org.org_id, region)
        raise AssertionError("nobody is the account's home")

    async def assign(self, owner: Owner, target: str) -> None:
        request = pb.AssignRequest(org_id=owner.org_id, region=target)
        try:
            await self.assignments(owner.region).Assign(request, metadata=owner.metadata)
        except Unavailable:
            return  # it died while it answered

    async def step(self, owner: Owner, region: str) -> int:
        """How far it is, as a region says; -1 where that is not the primary."""
        request = pb.GetAssignmentRequest(org_id=owner.org_id)
        try:
            answer = await self.assignments(region).GetAssignment(request, metadata=owner.metadata)
        except (CrossingRefused, Unavailable):
            return -1
        return int(answer.assignment.step)

    async def done(self, owner: Owner, target: str) -> bool:
        """Whether it is, in time."""
        deadline = time.monotonic() + DEADLINE_S
        while await self.step(owner, target) != pb.ASSIGNMENT_STEP_DONE:
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(0.05)
        return True

    def _channel(self, region: str) -> GuardedChannel:
        if region not in self.channels:
            node = make_node(self.pki, region=region, role="rest").node
            self.channels[region] = node.channel(region, f"127.0.0.1:{self.of[region].port}")
            self.stack.push_async_callback(self.channels[region].close)
        return self.channels[region]


@asynccontextmanager
async def mortals(pki: Path, folder: Path, urls: dict[str, str] | None = None) -> AsyncIterator[Mortals]:
    """Starts all three; ends them whatever happens."""
    async with AsyncExitStack() as stack:
        of = {
            region: Mortal(pki, folder / region, region, (urls or {}).get(region, "")) for region in (EU, US)
        }
        for cell in of.values():
            stack.push_async_callback(cell.stop)
            await cell.start()
        registry = RunningRegistry(pki, folder)
        registry.catalogue = tuple(
            CatalogueRegion(region, region, "open", "", f"127.0.0.1:{cell.port}")
            for region, cell in of.items()
        )
        await registry.start()
        stack.push_async_callback(registry.stop)
        for cell in of.values():
            (cell.folder / "registry").write_text(str(registry.port))
        yield Mortals(pki, of, stack)

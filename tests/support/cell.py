"""A cell in one test: ingest and query on real ports over a real log, directory and analytics store."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from mesh.admin import Gauges
from mesh.client import GuardedChannel
from mesh.directory import AccessFact, ProjectFact
from mesh.server import MeshServer
from mesh.tokens import USER, TokenKey
from sankofa.ingest.v1.ingest_pb2 import (
    Alias,
    AppendItem,
    AppendRequest,
    AppendResult,
    Operation,
    People,
    Track,
)
from sankofa.ingest.v1.ingest_pb2_grpc import IngestServiceStub
from sankofa.org.v1.org_pb2 import PROJECT_ROLE_VIEWER, ProjectRole
from sankofa.registry.v1.registry_pb2 import JwtKey, Row
from sankofa.residency.v1.environment_pb2 import ENVIRONMENT_LIVE
from services import ingest, query
from services.ingest.config import IngestConfig
from services.query.config import QueryConfig
from storage.analytics.engine import Engine
from storage.directory.lmdb import LmdbDirectory
from storage.log import DurableLog
from storage.log.lmdb import LmdbLog
from tests.support import rows
from tests.support.nodes import EU, TestNode, make_node

DEADLINE_S = 15.0
_numbers = itertools.count()


@dataclass
class Cell:
    """A running cell of eu-west-1 and what a test needs to talk to it."""

    pki: Path
    data_dir: Path
    node: TestNode
    directory: LmdbDirectory
    log: DurableLog
    engine: Engine
    server: MeshServer
    tokens: TokenKey
    stack: AsyncExitStack
    parts: list[Gauges]

    def gauges(self) -> dict[str, float]:
        """As on the admin port."""
        return {name: value for part in self.parts for name, value in part().items()}

    def channel(self, *, region: str = EU, role: str = "rest", federated: bool = False) -> GuardedChannel:
        """A channel to the cell from a process of `region`; it knows what this cell's directory knows."""
        port = self.server.federated_port if federated else self.server.internal_port
        caller = make_node(self.pki, region=region, role=role, directory=self.directory).node
        channel = caller.channel(EU, f"127.0.0.1:{port}")
        self.stack.push_async_callback(channel.close)
        return channel

    async def project(self, *, state: str = "active", region: str = EU) -> str:
        """A new project with a pin; of this region also with an organisation here."""
        project_id, org_id = f"proj_{next(_numbers)}", f"org_{next(_numbers)}"
        await self.directory.apply([rows.pin(project_id, region, org_id), rows.org(org_id, region)])
        if region == EU:
            await self.directory.put_projects([ProjectFact(project_id, org_id, "A project", state)])
        return project_id

    async def token(self, project_id: str, *, role: ProjectRole | None = PROJECT_ROLE_VIEWER) -> str:
        """A user's token; `role` None gives the user none in the project."""
        user = f"usr_{next(_numbers)}"
        project = self.directory.project(project_id)
        assert project is not None
        if role is not None:
            fact = AccessFact(user, project_id, project.org_id, role, EU, 1)
            await self.directory.put_access(EU, [fact])
        return self.tokens.sign({"sub": user}, issuer=EU, audience=USER, lifetime=timedelta(minutes=5))

    async def append(self, *items: AppendItem, channel: GuardedChannel | None = None) -> list[AppendResult]:
        """Sends one frame and waits for its answers."""
        stream: Any = IngestServiceStub(channel or self.channel()).Append()
        await stream.write(AppendRequest(items=items))
        response = await stream.read()
        stream.cancel()
        return list(response.results)

    async def store(self, project_id: str, *operations: Track | People | Alias, **fields: Any) -> None:
        """Sends a request and waits until the analytics store has it."""
        (result,) = await self.append(item(project_id, *operations, **fields))
        assert result.error == 0
        await self.flushed()

    async def flushed(self) -> None:
        """Waits until the writer has taken all that the log held."""
        await until(lambda: self.log.stats().lag == 0)


def item(project_id: str, *operations: Track | People | Alias, **fields: Any) -> AppendItem:
    """A request as the REST shim sends it."""
    named = {Track: "track", People: "people", Alias: "alias"}
    wrapped = [Operation(**{named[type(one)]: one}) for one in operations]
    fields = {"request_id": next(_numbers), "environment": ENVIRONMENT_LIVE} | fields
    return AppendItem(project_id=project_id, operations=wrapped, **fields)


async def until(condition: Callable[[], bool | Awaitable[bool]]) -> None:
    """Waits for a condition, with a deadline."""
    deadline = time.monotonic() + DEADLINE_S
    while True:
        met = condition()
        if met if isinstance(met, bool) else await met:
            return
        assert time.monotonic() < deadline, "the condition was not met in time"
        await asyncio.sleep(0.01)


@asynccontextmanager
async def open_cell(
    pki: Path,
    data_dir: Path,
    engine: Engine,
    *,
    log_bytes: int = 64 << 20,
    log: DurableLog | None = None,
    rate_clock: Callable[[], float] = time.monotonic,
) -> AsyncIterator[Cell]:
    """Starts a cell of eu-west-1 in `data_dir`; stops it in good order at the end.

    `log` is one that is open, instead of one in the folder; it is closed at the end too.
    """
    async with AsyncExitStack() as stack:
        directory = LmdbDirectory.open(data_dir / "directory", region=EU)
        stack.callback(directory.close)
        log = log or LmdbLog.open(data_dir / "log", max_bytes=log_bytes)
        stack.push_async_callback(asyncio.to_thread, log.close)
        tokens = TokenKey.generate()
        signing = Row(region=EU, jwt_key=JwtKey(kid=tokens.kid, public_key=tokens.public_bytes))
        await directory.put_own_rows([rows.signed(signing)])
        await directory.renew_lease(EU)
        node = make_node(pki, region=EU, role="cell", directory=directory)
        parts: list[Gauges] = []
        services = await ingest.build(
            config=IngestConfig(writer_linger_ms=10),
            node=node.node,
            stack=stack,
            log=log,
            engine=engine,
            directory=directory,
            data_dir=data_dir,
            rate_clock=rate_clock,
            gauges=parts,
        )
        services += await query.build(config=QueryConfig(), node=node.node, stack=stack, engine=engine)
        server = MeshServer(
            credentials=node.node.credentials,
            hop_of=node.node.arrival,
            services=services,
            internal="127.0.0.1:0",
            federated="127.0.0.1:0",
        )
        await server.start()
        stack.push_async_callback(server.drain, 0)
        yield Cell(pki, data_dir, node, directory, log, engine, server, tokens, stack, parts)

"""A shim on real ports in one test, and a cell that records what the shim sends it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx

from mesh.directory import AccessFact, Directory, KeyFact, OrgFact, ProjectFact, RegionFact
from mesh.server import MeshServer, Service
from mesh.tokens import USER, TokenKey
from sankofa.ingest.v1 import ingest_pb2, ingest_pb2_grpc
from sankofa.ingest.v1.ingest_pb2 import AppendItem, AppendRequest, AppendResponse, AppendResult, Command
from sankofa.org.v1.org_pb2 import ProjectRole
from sankofa.query.v1 import query_pb2, query_pb2_grpc
from sankofa.query.v1.query_pb2 import Event, ListEventsRequest, ListEventsResponse
from sankofa.residency.v1.environment_pb2 import Environment
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.rest import build
from services.rest.accounts import HintOf
from services.rest.app import Shim
from services.rest.config import RestConfig
from services.rest.server import RestServer
from tests.support.nodes import EU, US, MemoryDirectory, TestNode, make_node

LIVE, TEST, FOREIGN, SHELVED = (f"sk_live_{digit * 32}" for digit in "0123")
DASHBOARD = "https://app.example.com"
NOWHERE = "127.0.0.1:1"
TRACK = {"event_name": "tap", "distinct_id": "user_1"}


@dataclass
class Recorder(ingest_pb2_grpc.IngestServiceServicer, query_pb2_grpc.QueryServiceServicer):
    """Acknowledges what it is sent, unless told otherwise, and remembers it."""

    frames: list[AppendRequest] = field(default_factory=list)
    refuse: dict[str, ErrorReason] = field(default_factory=dict)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    cut: bool = False
    asked: list[ListEventsRequest] = field(default_factory=list)

    @property
    def items(self) -> list[AppendItem]:
        return [item for frame in self.frames for item in frame.items]

    async def Append(self, request_iterator: Any, context: Any) -> AsyncIterator[AppendResponse]:
        async for frame in request_iterator:
            self.frames.append(frame)
            await self.gate.wait()
            if self.cut:
                return
            yield AppendResponse(results=[self._result(item) for item in frame.items])

    def _result(self, item: AppendItem) -> AppendResult:
        result = AppendResult(request_id=item.request_id)
        for operation in item.operations:
            kind = operation.WhichOneof("kind")
            ids = getattr(operation, kind).distinct_id
            if ids in self.refuse:
                result.error = self.refuse[ids]
            elif len(ids) < 2:
                result.discarded += 1
            else:
                count = {"track": "events", "people": "people", "alias": "aliases"}[kind]
                setattr(result, count, getattr(result, count) + 1)
                if kind == "track" and operation.track.event_name == "$screen":
                    result.commands.append(Command(screen="Home"))
        return result

    async def ListEvents(self, request: ListEventsRequest, context: Any) -> ListEventsResponse:
        self.asked.append(request)
        event = Event(
            id="evt_1",
            event_name="tap",
            distinct_id="u/1",
            timestamp_unix_ms=-62135596800000,
            received_at_unix_ms=253402300799999,
            properties=b'{"big": 9007199254740993, "empty":[]}',
        )
        return ListEventsResponse(events=[event], next_cursor="more")


@dataclass
class Running:
    """A shim and a client of it."""

    http: httpx.AsyncClient
    server: RestServer
    rest: TestNode
    pki: Path
    edge_bytes: list[int]
    shim: Shim

    def waiting(self) -> float:
        """Requests that wait for the next frame."""
        return self.shim.health.gauges()["rest_waiting_requests"]

    async def track(self, *, key: str = LIVE, **changes: Any) -> httpx.Response:
        return await self.http.post("/api/v1/track", headers={"x-api-key": key}, json={**TRACK, **changes})


TOKEN_KEY = TokenKey.generate()
"""What eu-west-1 signs tokens with in these tests."""
BEARER = TOKEN_KEY.sign({"sub": "usr_1"}, issuer=EU, audience=USER, lifetime=timedelta(hours=1))
"""A token of usr_1, Admin of proj_here."""


def known_here() -> MemoryDirectory:
    """One project here, one archived, one elsewhere."""
    found = MemoryDirectory(
        pins={"proj_here": EU, "proj_there": US, "proj_shelved": EU},
        projects={
            "proj_here": ProjectFact("proj_here", "org_1", "Web shop", "active"),
            "proj_shelved": ProjectFact("proj_shelved", "org_1", "Old", "archived"),
        },
        orgs={"org_1": OrgFact("org_1", EU, 1)},
        jwt_keys={(EU, TOKEN_KEY.kid): TOKEN_KEY.public_bytes},
        rows={
            ("usr_1", "proj_here"): AccessFact(
                "usr_1", "proj_here", "org_1", ProjectRole.PROJECT_ROLE_ADMIN, EU, 1
            )
        },
        catalogue={EU: RegionFact(EU, "Europe / Ireland", "open", "http://rest", "127.0.0.1:1")},
    )
    for key, project, environment, region in (
        (LIVE, "proj_here", Environment.ENVIRONMENT_LIVE, EU),
        (TEST, "proj_here", Environment.ENVIRONMENT_TEST, EU),
        (FOREIGN, "proj_there", Environment.ENVIRONMENT_LIVE, US),
        (SHELVED, "proj_shelved", Environment.ENVIRONMENT_LIVE, EU),
    ):
        found.keys[sha256(key.encode()).digest()] = KeyFact("key_1", project, environment, region)
    return found


async def start_shim(
    stack: AsyncExitStack,
    pki: Path,
    directory: Directory,
    *,
    cell_address: str,
    registry_address: str = NOWHERE,
    hint_of: HintOf = str.lower,
    region: str = EU,
    **settings: Any,
) -> Running:
    """A region's shim on free ports, until the stack closes; `settings` are RestConfig's."""
    rest = make_node(pki, region=region, role="rest", directory=directory)
    small = {
        "max_body_bytes": 1 << 20,
        "max_inflight_requests": 10,
        "trace_ratio": 0.0,
        "rate_limit_per_minute": 0,
        "lookups_per_minute": 0,
    }
    config = RestConfig(
        cell_address=cell_address,
        registry_address=registry_address,
        dashboard_origins=(DASHBOARD,),
        **small | settings,
    )
    edge_bytes: list[int] = []
    app = await build(
        config=config,
        node=rest.node,
        directory=directory,
        hint_of=hint_of,
        on_edge_request=edge_bytes.append,
        stack=stack,
    )
    server = RestServer(
        app=app,
        credentials=rest.node.credentials,
        public_address="127.0.0.1:0",
        edge_address="127.0.0.1:0",
        patience=config.patience(),
        express=app.express,
    )
    await server.start()
    stack.push_async_callback(server.drain, 1.0)
    base = f"http://127.0.0.1:{server.public_port}"
    http = await stack.enter_async_context(httpx.AsyncClient(base_url=base))
    return Running(http, server, rest, pki, edge_bytes, app)


async def start_recorder(stack: AsyncExitStack, pki: Path, directory: Directory, cell: Recorder) -> str:
    """Serves the recorder as the cell of eu-west-1; its internal address."""
    node = make_node(pki, region=EU, directory=directory).node
    services = [
        service(ingest_pb2_grpc.add_IngestServiceServicer_to_server, cell, ingest_pb2, "IngestService"),
        service(query_pb2_grpc.add_QueryServiceServicer_to_server, cell, query_pb2, "QueryService"),
    ]
    server = MeshServer(
        credentials=node.credentials,
        hop_of=node.arrival,
        services=services,
        internal="127.0.0.1:0",
        federated=None,
    )
    await server.start()
    stack.push_async_callback(server.drain, 0)
    return f"127.0.0.1:{server.internal_port}"


def service(add: Any, servicer: object, contract: Any, name: str) -> Service:
    """A servicer with its contract."""
    return Service(add, servicer, contract.DESCRIPTOR.services_by_name[name])


async def until(condition: Any, *, seconds: float = 5.0) -> None:
    """Waits for a condition, with a deadline."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - conditions of several kinds
            await asyncio.sleep(0.005)

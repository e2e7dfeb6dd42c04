"""A whole region in one process, on real stores and ports: registry, org, projects, ingest, query, shim."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import uvloop

from mesh.context import act_as
from mesh.egress import EgressConfig
from mesh.plans import Plan
from mesh.server import MeshServer
from services import ingest, query
from services.ingest.config import IngestConfig
from services.org.config import OrgConfig
from services.query.config import QueryConfig
from storage.analytics.engine import Engine
from storage.log.lmdb import LmdbLog
from tests.support.cells import HINTS, PASSWORD, Cells, RunningCell
from tests.support.nodes import EU
from tests.support.oidc.mesh import CALLBACK
from tests.support.shim import Running, start_shim

T = TypeVar("T")
START_DEADLINE_S = 60.0


@dataclass
class Region:
    """eu-west-1, and one organisation in it."""

    url: str
    cells: Cells
    shim: Running
    log: LmdbLog
    email: str
    token: str
    org_id: str
    loop: asyncio.AbstractEventLoop

    @property
    def bearer(self) -> dict[str, str]:
        """The Owner's credential."""
        return {"authorization": f"Bearer {self.token}"}

    def upgrade(self, plan: Plan) -> None:
        """Gives the organisation a plan, from beside the region's loop."""

        async def set_plan() -> bool:
            act_as("operator/test")
            return await self.cells.of[EU].records.orgs.set_plan(self.org_id, plan)

        assert asyncio.run_coroutine_threadsafe(set_plan(), self.loop).result(START_DEADLINE_S)

    def project(self) -> dict[str, Any]:
        """A new project, as the public API answers its creation."""
        body = {"org_id": self.org_id, "name": "Shop"}
        answer = httpx.post(f"{self.url}/api/v1/projects", headers=self.bearer, json=body, timeout=30)
        assert answer.status_code == 201, answer.text
        created: dict[str, Any] = answer.json()
        return created

    def call(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        """What the management API answers the Owner; only a success is one."""
        url = f"{self.url}/api/v1/{path}"
        answer = httpx.request(method, url, headers=self.bearer, timeout=30, **more)
        assert answer.status_code < 300, answer.text
        answered: dict[str, Any] = answer.json()
        return answered


@asynccontextmanager
async def open_region(
    pki: Path, folder: Path, engine: Engine, *, egress: EgressConfig | None = None
) -> AsyncIterator[Region]:
    """Starts all of it, and signs the Owner up over the public API. `egress`: what it may call outside."""
    config = OrgConfig(
        token_lifetime_s=3600.0, webhook_look_s=0.2, export_look_s=0.2, sso_callback_url=CALLBACK
    )
    async with AsyncExitStack() as stack:
        cells = Cells(pki, folder, (EU,), config)
        cells.registry.limits = {"lookups_per_minute": 0, "lookups_of_one_per_minute": 0}
        cell = cells.of[EU]
        cell.egress = egress or EgressConfig()
        await stack.enter_async_context(cells)
        log, address = await _ingest_and_query(stack, cell, folder, engine)
        shim = await start_shim(
            stack,
            pki,
            cell.directory,
            cell_address=address,
            registry_address=f"127.0.0.1:{cells.registry.port}",
            hint_of=HINTS.hint,
            max_inflight_requests=1024,
        )
        url = f"http://127.0.0.1:{shim.server.public_port}"
        email = "owner@example.org"
        owner = {"email": email, "password": PASSWORD, "org_name": "Analytical"}
        signed = (await shim.http.post("/api/v1/auth/signup", json=owner, timeout=30)).json()
        owned = signed["orgs"][0]["id"]
        loop = asyncio.get_running_loop()
        yield Region(url, cells, shim, log, email, signed["token"], owned, loop)


async def _ingest_and_query(
    stack: AsyncExitStack, cell: RunningCell, folder: Path, engine: Engine
) -> tuple[LmdbLog, str]:
    """On an internal port beside the cell's federated one; its address."""
    log = LmdbLog.open(folder / "log", max_bytes=256 << 20)
    stack.push_async_callback(asyncio.to_thread, log.close)
    services = await ingest.build(
        config=IngestConfig(writer_linger_ms=10),
        node=cell.node,
        stack=stack,
        log=log,
        engine=engine,
        directory=cell.directory,
        data_dir=folder,
        audit_records=cell.records.audit,
    )
    services += [service for service in cell.services if service.internal]
    services += await query.build(config=QueryConfig(), node=cell.node, stack=stack, engine=engine)
    server = MeshServer(
        credentials=cell.node.credentials,
        hop_of=cell.node.arrival,
        services=services,
        internal="127.0.0.1:0",
        federated=None,
    )
    await server.start()
    stack.push_async_callback(server.drain, 0)
    return log, f"127.0.0.1:{server.internal_port}"


@contextmanager
def region_beside(
    pki: Path, folder: Path, engine: Engine, *, egress: EgressConfig | None = None
) -> Iterator[Region]:
    """The same on a loop and a thread of its own, for clients that block."""
    loop = uvloop.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="region", daemon=True)
    thread.start()

    def run(work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, loop).result(START_DEADLINE_S)

    context = open_region(pki, folder, engine, egress=egress)
    try:
        region = run(context.__aenter__())  # type: ignore[arg-type]
        try:
            yield region
        finally:
            run(context.__aexit__(None, None, None))  # type: ignore[arg-type]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(START_DEADLINE_S)
        loop.close()

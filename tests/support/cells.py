"""Cells of several regions and their registry in one test: real stores, real servers, real certificates."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from mesh.clock import wall_ms
from mesh.egress import Egress, EgressConfig
from mesh.errors import SankofaError, Unavailable
from mesh.hints import LoginHints
from mesh.identity import Credentials
from mesh.node import Node
from mesh.regions import GLOBAL
from mesh.server import MeshServer, Service
from mesh.signing import RowSigner, RowVerifier
from mesh.tokens import TokenKey
from mesh.webhooks import WayOut
from sankofa.ingest.v1 import project_pb2 as projects_pb
from sankofa.ingest.v1.project_pb2_grpc import ProjectServiceStub
from sankofa.org.v1 import org_pb2 as org_pb
from sankofa.org.v1.export_pb2_grpc import AuditExportServiceStub
from sankofa.org.v1.org_pb2_grpc import OrgServiceStub
from sankofa.org.v1.session_pb2_grpc import SessionServiceStub
from sankofa.org.v1.webhook_pb2_grpc import WebhookServiceStub
from sankofa.registry.v1.registry_pb2_grpc import RegistryServiceStub
from sankofa.residency.v1.error_pb2 import ErrorReason
from services import directory as directory_service
from services import ingest, org, query, region_registry
from services.ingest import projects
from services.ingest.config import IngestConfig
from services.ingest.plans import ToldPlans
from services.ingest.projects.outgoing import Ways
from services.org.config import OrgConfig
from services.org.transfer.words import nothing
from services.query.config import QueryConfig
from services.region_registry.config import CatalogueRegion, RegistryConfig
from storage.analytics.engine import Engine
from storage.blobs.folder import BlobFolder
from storage.directory.feed import DirectoryFeed
from storage.directory.lmdb import LmdbDirectory
from storage.log.lmdb import LmdbLog
from storage.mails import MailFolder
from storage.records.publisher import Publisher
from storage.records.records import Records
from storage.registry.store import RegistryStore
from tests.support.databases import REGISTRY, sqlite_at
from tests.support.nodes import AF, make_node

DEADLINE_S = 15.0
SECRET = b"k" * 32
HINTS = LoginHints(SECRET)
PASSWORD = "correct horse"


async def until(
    condition: Callable[[], object] | Callable[[], Awaitable[object]], *, deadline_s: float = DEADLINE_S
) -> None:
    """Waits for a condition, plain or awaitable, to be true."""
    deadline = time.monotonic() + deadline_s
    while True:
        met = condition()
        if await met if isinstance(met, Awaitable) else met:
            return
        assert time.monotonic() < deadline, "it did not come to be"
        await asyncio.sleep(0.01)


class RunningRegistry:
    """The registry: can be stopped, started again on its port, and robbed of its store."""

    def __init__(self, pki: Path, folder: Path) -> None:
        self.pki, self.folder, self.port = pki, folder, 0
        self.catalogue: tuple[CatalogueRegion, ...] = ()
        self.limits: dict[str, int] = {}
        """Of look-ups, where they are not the usual ones."""
        self.store: RegistryStore
        self._stack = AsyncExitStack()

    async def start(self) -> None:
        url = sqlite_at(self.folder / "registry.db", REGISTRY)
        config = RegistryConfig(
            store_url=url,
            catalogue=self.catalogue,
            default_region=self.catalogue[0].id,
            poll_ms=20,
            **self.limits,
        )
        node = make_node(self.pki, region=GLOBAL, role="registry").node
        self.store = await RegistryStore.open(url)
        self._stack.push_async_callback(self.store.close)
        services = await region_registry.build(config=config, node=node, stack=self._stack, store=self.store)
        server = MeshServer(
            credentials=node.credentials,
            hop_of=node.arrival,
            services=services,
            internal=None,
            federated=f"127.0.0.1:{self.port}",
        )
        await server.start()
        self._stack.push_async_callback(server.drain, 0)
        self.port = server.federated_port

    async def stop(self) -> None:
        await self._stack.aclose()

    async def replace(self) -> None:
        """Loses the store: what starts next is another feed."""
        await self.stop()
        for path in self.folder.glob("registry.db*"):
            path.unlink()
        await self.start()


@dataclass
class RunningCell:
    """Org and projects of one region, on one federated port that survives restarts."""

    pki: Path
    folder: Path
    region: str
    registry: RunningRegistry
    config: OrgConfig
    clock_ms: Callable[[], int] = wall_ms
    engine: Engine | None = None
    """Where this cell stores events, if it takes any."""
    reached: Callable[[str], None] = nothing
    """Told of each step of a reassignment, at either end."""
    records_url: str = ""
    """Empty: SQLite, in `folder`."""
    egress: EgressConfig = field(default_factory=EgressConfig)
    """What this cell may call outside the mesh."""
    port: int = 0
    internal_port: int = 0
    services: list[Service] = field(default_factory=list)
    records: Records = field(init=False)
    directory: LmdbDirectory = field(init=False)
    publisher: Publisher = field(init=False)
    feed: DirectoryFeed = field(init=False)
    node: Node = field(init=False)
    log: LmdbLog = field(init=False)
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def start(self) -> None:
        stack = self._stack
        url = self.records_url or sqlite_at(self.folder / "records.db")
        self.records = await Records.open(url, region=self.region)
        stack.push_async_callback(self.records.close)
        self.directory = LmdbDirectory.open(
            self.folder / "directory", region=self.region, clock_ms=lambda: self.clock_ms()
        )
        stack.callback(self.directory.close)
        self.node = make_node(self.pki, region=self.region, directory=self.directory).node
        signer = RowSigner.load(self.pki, self.region)
        self.publisher = Publisher(outbox=self.records.outbox, signer=signer, stub=self._registry_stub)
        self._background(self.publisher.run())
        verifier = RowVerifier(self.node.credentials.authorities)
        self.feed = DirectoryFeed(
            directory=self.directory,
            verifier=verifier,
            stub=self._registry_stub,
            region=self.region,
            on_feed_change=self.publisher.republish,
        )
        self._background(self.feed.run())
        wiring = {"node": self.node, "stack": stack, "directory": self.directory}
        shared = {
            **wiring,
            "publisher": self.publisher,
            "signer": signer,
            "audit_records": self.records.audit,
        }
        egress = self._egress()
        ways = Ways(
            deliveries=self.records.project_deliveries,
            files=BlobFolder(self.folder / "project-blobs"),
            out=WayOut(egress, SECRET, self.config.webhook_look_s),
            export_every_s=self.config.export_look_s,
        )
        services = [directory_service.build(directory=self.directory)]
        plans = ToldPlans(await self.records.projects.plans())
        services += await projects.build(
            records=self.records.projects,
            api_tokens=self.records.api_tokens,
            ways=ways,
            plans=plans,
            **shared,
        )
        services += await org.build(
            config=self.config,
            records=self.records.orgs,
            moves=self.records.moves,
            members=self.records.members,
            teams=self.records.teams,
            mailer=MailFolder(self.folder / "outbox", sender="noreply@sankofa.example"),
            plans=self.records.plans,
            deliveries=self.records.deliveries,
            audit_expiry=self.records.audit_expiry,
            egress=egress,
            files=BlobFolder(self.folder / "blobs"),
            secret=SECRET,
            sso=self.records.sso,
            scim=self.records.scim,
            scim_groups=self.records.scim_groups,
            secrets_dir=self.folder / "secrets",
            session_records=self.records.sessions,
            keys=self.records.keys,
            second_factors=self.records.second_factors,
            hints=HINTS,
            reached=self.reached,
            **shared,
        )
        if self.engine is not None:
            log = self.log = LmdbLog.open(self.folder / "log", max_bytes=64 << 20)
            stack.push_async_callback(asyncio.to_thread, log.close)
            config = IngestConfig(writer_linger_ms=10, usage_every_s=0.2)
            stores = {
                "log": log,
                "engine": self.engine,
                "data_dir": self.folder,
                "budgets": self.records.budgets,
                "plans": plans,
                "audit_records": self.records.audit,
            }
            services += await ingest.build(config=config, **stores, **wiring)
            services += await query.build(
                config=QueryConfig(), node=self.node, stack=stack, engine=self.engine
            )
        self.services = services
        server = MeshServer(
            credentials=self.node.credentials,
            hop_of=self.node.arrival,
            services=services,
            internal=f"127.0.0.1:{self.internal_port}",
            federated=f"127.0.0.1:{self.port}",
        )
        await server.start()
        stack.push_async_callback(server.drain, 0)
        self.port, self.internal_port = server.federated_port, server.internal_port

    async def stop(self) -> None:
        await self._stack.aclose()
        self._channels.clear()

    async def restart(self, *, lose_directory: bool = False) -> None:
        await self.stop()
        if lose_directory:
            shutil.rmtree(self.folder / "directory")
        await self.start()

    def orgs(self) -> OrgServiceStub:
        """This cell, as the REST shim of its region calls it."""
        return OrgServiceStub(self._channel("rest", self.region, self.port))

    def webhooks(self) -> WebhookServiceStub:
        """This cell, as the REST shim of its region calls it."""
        return WebhookServiceStub(self._channel("rest", self.region, self.port))

    def exports(self) -> AuditExportServiceStub:
        """This cell, as the REST shim of its region calls it."""
        return AuditExportServiceStub(self._channel("rest", self.region, self.port))

    def internal_channel(self) -> object:
        """To this cell's DATA and LOCAL planes, as the REST shim of its region has it."""
        return self._channel("rest", self.region, self.internal_port)

    def sessions(self) -> SessionServiceStub:
        """This cell, as the REST shim of its region calls it."""
        return SessionServiceStub(self._channel("rest", self.region, self.port))

    def projects(self) -> ProjectServiceStub:
        """This cell, as the REST shim of its region calls it."""
        return ProjectServiceStub(self._channel("rest", self.region, self.port))

    def channel(self) -> object:
        """To this cell, as the REST shim of its region has it."""
        return self._channel("rest", self.region, self.port)

    async def token_key(self) -> TokenKey:
        return await self.records.keys.signing_key()

    def _egress(self) -> Egress:
        egress = Egress.of(self.node, self.egress)
        self._stack.push_async_callback(egress.close)
        return egress

    def _registry_stub(self) -> RegistryServiceStub:
        if not self.registry.port:
            raise Unavailable
        return RegistryServiceStub(self._channel("cell", GLOBAL, self.registry.port))

    _channels: dict[tuple[str, str, int], object] = field(default_factory=dict)

    def _channel(self, role: str, region: str, port: int) -> object:
        if (role, region, port) not in self._channels:
            node = Node(
                credentials=Credentials.load(self.pki, region=self.region, role=role),
                directory=self.directory,
                ledger=self.node.ledger,
                tracer=self.node.tracer,
            )
            channel = node.channel(region, f"127.0.0.1:{port}")
            self._stack.push_async_callback(channel.close)
            self._channels[role, region, port] = channel
        return self._channels[role, region, port]

    def _background(self, work: object) -> None:
        task = asyncio.ensure_future(work)  # type: ignore[call-overload]

        async def cancel() -> None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        self._stack.push_async_callback(cancel)


class Cells:
    """A mesh of cells and their registry. One region of its catalogue, af-south-1, is on the roadmap."""

    def __init__(
        self,
        pki: Path,
        folder: Path,
        regions: tuple[str, ...],
        config: OrgConfig,
        *,
        engine: Engine | None = None,
    ) -> None:
        self.registry = RunningRegistry(pki, folder)
        self.of = {
            region: RunningCell(pki, folder / region, region, self.registry, config, engine=engine)
            for region in regions
        }

    async def __aenter__(self) -> Cells:
        for cell in self.of.values():
            await cell.start()
        cells = [
            CatalogueRegion(cell.region, cell.region, "open", "", address(cell)) for cell in self.of.values()
        ]
        self.registry.catalogue = (*cells, CatalogueRegion(AF, AF, "roadmap"))
        await self.registry.start()
        for cell in self.of.values():
            await asyncio.wait_for(cell.feed.ready.wait(), DEADLINE_S)
        return self

    async def __aexit__(self, *exc: object) -> None:
        for cell in self.of.values():
            await cell.stop()
        await self.registry.stop()

    async def sign_up(self, region: str, email: str = "ada@example.org") -> Owner:
        """A person with an organisation in a region, known to every cell."""
        request = org_pb.SignUpRequest(region=region, email=email, password=PASSWORD, org_name="Analytical")
        answer = await self.of[region].orgs().SignUp(request)
        org_id = answer.orgs[0].org_id
        for cell in self.of.values():
            await until(lambda cell=cell: cell.directory.org(org_id))
        return Owner(answer.token, answer.user.user_id, org_id, region)

    async def authorise(
        self, owner: Owner, region: str, name: str = "Shop"
    ) -> org_pb.AuthorizeCreateResponse:
        """A ticket."""
        request = org_pb.AuthorizeCreateRequest(org_id=owner.org_id, name=name, region=region)
        return await self.of[owner.region].orgs().AuthorizeCreate(request, metadata=owner.metadata)

    async def create(self, owner: Owner, region: str) -> projects_pb.ProvisionResponse:
        """A project, by all three steps; done when its region has heard from the primary region."""
        permit = await self.authorise(owner, region)
        cell = self.of[region]
        made = await cell.projects().Provision(
            projects_pb.ProvisionRequest(region=region, ticket=permit.ticket)
        )
        complete = org_pb.CompleteCreateRequest(org_id=owner.org_id, project_id=permit.project_id)
        await self.of[owner.region].orgs().CompleteCreate(complete, metadata=owner.metadata)
        await until(lambda: cell.directory.access_fresh(owner.region))
        return made


@dataclass(frozen=True)
class Owner:
    """A person, their token and their organisation."""

    token: str
    user_id: str
    org_id: str
    region: str

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        return bearer(self.token)


def address(cell: RunningCell) -> str:
    return f"127.0.0.1:{cell.port}"


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {token}"),)


async def reason_of(call: Awaitable[object]) -> str:
    """Why a call is refused."""
    try:
        await call
    except SankofaError as error:
        return ErrorReason.Name(error.reason).removeprefix("ERROR_REASON_")
    raise AssertionError("the call was not refused")

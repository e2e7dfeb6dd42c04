"""A cell of one region as a process, for tests of the audit: `python -m tests.support.witness FOLDER REGION`.

chDB opens one path per process, so two regions of one test are two processes. With `broken` it is a build
whose guard refuses nothing and which serves DATA on the port that other regions reach.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from google.protobuf.message import Message

from mesh.directory import AccessFact, ProjectFact
from mesh.errors import CrossingRefused
from mesh.guard import Guard
from mesh.identity import Credentials, Identity
from mesh.ledger import Ledger
from mesh.node import Node
from mesh.reporter import LedgerReporter
from mesh.server import MeshServer, Service
from mesh.tasks import background
from mesh.telemetry import export_spans, tracer_provider
from mesh.tokens import USER, TokenKey
from sankofa.org.v1.org_pb2 import PROJECT_ROLE_VIEWER
from sankofa.registry.v1.registry_pb2 import JwtKey, Row
from sankofa.residency.v1.options_pb2 import Plane
from services import ingest, query
from services.ingest.config import IngestConfig
from services.query.config import QueryConfig
from storage.analytics.engine import Engine
from storage.directory.lmdb import LmdbDirectory
from storage.log.lmdb import LmdbLog
from tests.support import rows

REPORT_EVERY = timedelta(milliseconds=100)
VIEWER = "usr_viewer"


class NoGuard(Guard):
    """Lets everything through."""

    def refusal(self, plane: Plane, caller_region: str, request: Message | None) -> CrossingRefused | None:
        """Never refuses."""
        return None

    def admit(self, item: Message) -> CrossingRefused | None:
        """Never refuses."""
        return None


class BrokenNode(Node):
    """A process of the broken build, at both ends of a call."""

    def guard(self, caller: Identity, callee: Identity) -> Guard:
        """Of either end."""
        return NoGuard(callee.region, self.directory)


class FederatedService(Service):
    """A service of the broken build: on the port where other regions are let in, whatever its plane."""

    @property
    def internal(self) -> bool:
        """Not on the region's own port."""
        return False


@dataclass(frozen=True, slots=True)
class Member:
    """One process's place in the mesh, with its ledger and its spans."""

    node: Node
    provider: Any
    stack: AsyncExitStack

    @classmethod
    def join(
        cls,
        stack: AsyncExitStack,
        folder: Path,
        region: str,
        role: str,
        *,
        kind: type[Node] = Node,
        directory: LmdbDirectory | None = None,
    ) -> Member:
        """Takes an identity from the PKI in `folder`, and counts in the region's folder below it."""
        credentials = Credentials.load(folder / "pki", region=region, role=role)
        ledger = Ledger(folder / region / "ledger", credentials.identity)
        stack.callback(ledger.close)
        provider = tracer_provider(credentials.identity, instance_id=ledger.instance_id, ratio=1.0)
        tracer = provider.get_tracer("sankofa.mesh")
        node = kind(credentials=credentials, directory=directory, ledger=ledger, tracer=tracer)
        return cls(node, provider, stack)

    def report_to(self, address: str) -> None:
        """From now on, counters and spans go to the cell of the region."""
        channel = Member.honest(self.node).channel(self.node.region, address)
        export_spans(self.provider, channel)
        self.stack.push_async_callback(channel.close)
        self.stack.push_async_callback(asyncio.to_thread, self.provider.shutdown)
        reporter = LedgerReporter(ledger=self.node.ledger, channel=channel, interval=REPORT_EVERY)
        background(reporter.run(), name="ledger", stack=self.stack)

    @staticmethod
    def honest(node: Node) -> Node:
        """The same place, with the guard that every build has."""
        return Node(credentials=node.credentials, directory=None, ledger=node.ledger, tracer=node.tracer)


def project_of(region: str) -> str:
    """The project that is pinned to a region."""
    return f"proj_{region}"


async def known_facts(folder: Path, region: str, stack: AsyncExitStack) -> tuple[LmdbDirectory, str]:
    """A directory with one project that VIEWER may see, and VIEWER's token."""
    directory = LmdbDirectory.open(folder / region / "directory", region=region)
    stack.callback(directory.close)
    project, org_id, tokens = project_of(region), f"org_{region}", TokenKey.generate()
    key = Row(region=region, jwt_key=JwtKey(kid=tokens.kid, public_key=tokens.public_bytes))
    facts = [rows.pin(project, region, org_id), rows.org(org_id, region), rows.signed(key)]
    await directory.put_own_rows(facts)
    await directory.put_projects([ProjectFact(project, org_id, "A project", "active")])
    await directory.put_access(region, [AccessFact(VIEWER, project, org_id, PROJECT_ROLE_VIEWER, region, 1)])
    await directory.renew_lease(region)
    token = tokens.sign({"sub": VIEWER}, issuer=region, audience=USER, lifetime=timedelta(minutes=10))
    return directory, token


async def serve(folder: Path, region: str, *, broken: bool) -> None:
    """Says on one line where it answers; serves until SIGTERM."""
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    async with AsyncExitStack() as stack:
        directory, token = await known_facts(folder, region, stack)
        kind = BrokenNode if broken else Node
        member = Member.join(stack, folder, region, "cell", kind=kind, directory=directory)
        node, data_dir = member.node, folder / region
        engine = Engine.embedded(data_dir / "analytics", region=region, max_memory_bytes=1 << 30)
        stack.push_async_callback(asyncio.to_thread, engine.close)
        log = LmdbLog.open(data_dir / "log", max_bytes=16 << 20)
        stack.push_async_callback(asyncio.to_thread, log.close)
        services = await ingest.build(
            config=IngestConfig(),
            node=node,
            stack=stack,
            log=log,
            engine=engine,
            directory=directory,
            data_dir=data_dir,
        )
        for one in await query.build(config=QueryConfig(), node=node, stack=stack, engine=engine):
            services.append(FederatedService(one.add, one.servicer, one.descriptor) if broken else one)
        server = MeshServer(
            credentials=node.credentials,
            hop_of=node.arrival,
            services=services,
            internal="127.0.0.1:0",
            federated="127.0.0.1:0",
        )
        await server.start()
        stack.push_async_callback(server.drain, 0)
        member.report_to(f"127.0.0.1:{server.internal_port}")
        said = {"internal": server.internal_port, "federated": server.federated_port, "token": token}
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()
        await stopped.wait()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), sys.argv[2], broken=sys.argv[3:] == ["broken"]))

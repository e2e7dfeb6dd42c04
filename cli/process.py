"""What every process has, whichever targets run in it: identity, ledger, a way out for telemetry."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from mesh.admin import Gauges, admin_app
from mesh.config import ConfigError, load
from mesh.directory import Directory
from mesh.http import HttpListener, plain_config
from mesh.identity import Credentials
from mesh.ledger import Ledger
from mesh.node import Node
from mesh.reflection import serve_reflection
from mesh.regions import DEFAULT_REGION, GLOBAL
from mesh.reporter import LedgerReporter
from mesh.server import MeshServer, Service
from mesh.tasks import background
from mesh.telemetry import export_spans, tracer_provider
from sankofa.registry.v1.registry_pb2_grpc import RegistryServiceStub

T = TypeVar("T", bound=msgspec.Struct)


class ProcessConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Settings of one process, section [process]."""

    data_dir: str
    """Where this process may write, its temporary files included."""

    pki_dir: str
    """Folder with <region>/<role>.{crt,key} and trust/<region>.pem."""

    home_region: str = DEFAULT_REGION
    """The region whose cell takes the telemetry of a process that belongs to none."""

    internal_address: str = "127.0.0.1:0"
    """host:port of the port for DATA and LOCAL."""

    federated_address: str = "127.0.0.1:0"
    """host:port of the port for CONTROL, ORG and TRANSFER."""

    admin_address: str = "127.0.0.1:0"
    """host:port of health details and metrics; keep it on loopback."""

    reflection_address: str = ""
    """host:port of gRPC reflection, plaintext, loopback only; empty for none."""

    registry_address: str = "127.0.0.1:9100"
    """host:port of the region registry."""

    cell_address: str = "127.0.0.1:0"
    """host:port of the internal port of the region's (or the home region's) cell."""

    collector_address: str = ""
    """host:port of the region's OpenTelemetry Collector (OTLP over mTLS); empty: the cell takes the spans."""

    trace_ratio: float = 0.05
    """Share of traces that are kept; refusals always are."""

    drain_s: float = 5.0
    """How long calls in flight may take when the process stops, seconds."""

    hint_key_file: str = ""
    """File with the key of the login hints, 32 bytes or more; all regions share it, the registry has none."""

    log_level: str = "INFO"
    """DEBUG, INFO, WARNING or ERROR."""


@dataclass(slots=True)
class Settings:
    """Where settings come from: a file, the environment, and `--set section.field=value`."""

    file: Path | None
    overrides: Mapping[str, Mapping[str, Any]]

    def load(self, kind: type[T], section: str) -> T:
        """One section, typed."""
        return load(kind, section=section, file=self.file, overrides=self.overrides.get(section))


@dataclass(slots=True)
class Process:
    """One process while it is being put together. Modules add what they serve; `run` serves it."""

    region: str
    config: ProcessConfig
    settings: Settings
    credentials: Credentials
    ledger: Ledger
    stack: AsyncExitStack
    provider: Any
    directory: Directory | None = None
    targets: frozenset[str] = frozenset()
    cell: Any = None
    engine: Any = None
    services: list[Service] = field(default_factory=list)
    reasons: dict[str, Callable[[], str]] = field(default_factory=dict)
    gauges: list[Gauges] = field(default_factory=list)

    @property
    def data_dir(self) -> Path:
        """Where this process may write."""
        return Path(self.config.data_dir)

    @property
    def pki_dir(self) -> Path:
        """Certificates and keys."""
        return Path(self.config.pki_dir)

    def node(self) -> Node:
        """The process's place in the mesh, with what it knows of the others."""
        return Node(
            credentials=self.credentials,
            directory=self.directory,
            ledger=self.ledger,
            tracer=self.provider.get_tracer("sankofa.mesh"),
        )

    def registry_stub(self) -> Callable[[], RegistryServiceStub]:
        """A stub of the region registry, on one channel."""
        channel = self.node().channel(GLOBAL, self.config.registry_address)
        self.stack.push_async_callback(channel.close)
        stub = RegistryServiceStub(channel)
        return lambda: stub

    def hint_key(self) -> bytes:
        """The key of the login hints. Raises ConfigError where none is set."""
        try:
            return Path(self.config.hint_key_file).read_bytes()
        except OSError as error:
            raise ConfigError(f"[process] hint_key_file: {error}") from None

    def waiting_for(self) -> dict[str, str]:
        """Why the process is not ready, by part."""
        answers = {name: reason() for name, reason in self.reasons.items()}
        return {name: answer for name, answer in answers.items() if answer}

    def all_gauges(self) -> dict[str, float | str]:
        """The gauges of every part."""
        return {name: value for gauges in self.gauges for name, value in gauges().items()}

    async def start_servers(self) -> None:
        """Opens the gRPC ports (if anything is served on them) and the admin port."""
        sides = {service.internal for service in self.services}
        if sides:
            server = MeshServer(
                credentials=self.credentials,
                hop_of=self.node().arrival,
                services=self.services,
                internal=self.config.internal_address if True in sides else None,
                federated=self.config.federated_address if False in sides else None,
            )
            await server.start()
            self.stack.push_async_callback(server.drain, self.config.drain_s)
        if self.config.reflection_address:
            reflecting = await serve_reflection(self.config.reflection_address, self.services)
            self.stack.push_async_callback(reflecting.stop, None)
        app = admin_app(ledger=self.ledger, reasons=self.waiting_for, gauges=self.all_gauges)
        admin = HttpListener(plain_config(app), self.config.admin_address)
        await admin.start()
        self.stack.push_async_callback(admin.drain, 1.0)

    async def start_telemetry(self, role: str) -> None:
        """Spans and the ledger go to the region's cell, under an identity of that region."""
        region = self.config.home_region if self.region == GLOBAL else self.region
        credentials = self.credentials
        if credentials.identity.region != region:
            credentials = Credentials.load(self.pki_dir, region=region, role=role)
        tracer = self.provider.get_tracer("sankofa.mesh")
        node = Node(credentials=credentials, directory=None, ledger=self.ledger, tracer=tracer)
        channel = node.channel(region, self.config.cell_address)
        collector = self.config.collector_address
        export_spans(self.provider, node.channel(region, collector) if collector else channel)
        reporter = LedgerReporter(ledger=self.ledger, channel=channel)
        background(reporter.run(), name="ledger", stack=self.stack)
        self.stack.push_async_callback(asyncio.to_thread, self.provider.shutdown)


def open_process(
    *, region: str, role: str, name: str, settings: Settings, config: ProcessConfig, stack: AsyncExitStack
) -> Process:
    """Takes the process's identity and moves its temporary files into its own data directory.

    `name` tells the processes apart that share a data directory.
    """
    own_temporary_files(Path(config.data_dir) / "tmp" / name)
    credentials = Credentials.load(Path(config.pki_dir), region=region, role=role)
    ledger = Ledger(Path(config.data_dir) / "ledger", credentials.identity)
    provider = tracer_provider(
        credentials.identity,
        instance_id=ledger.instance_id,
        ratio=config.trace_ratio,
        region=config.home_region if region == GLOBAL else region,
    )
    return Process(region, config, settings, credentials, ledger, stack, provider)


def own_temporary_files(folder: Path) -> None:
    """Temporary files are data too: they stay in the region's folder, and what a kill left is swept."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder)

"""The stores of one cell, opened once per process and shared by the targets in it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from cli.process import Process
from mesh.config import ConfigError
from mesh.egress import Egress, EgressConfig
from mesh.signing import RowSigner, RowVerifier
from mesh.tasks import background
from services.directory import build as build_directory
from storage.analytics.engine import Engine, QueryLimits
from storage.analytics.errors import StoreDenied
from storage.analytics.tables import DATABASE
from storage.blobs.folder import BlobFolder
from storage.directory.feed import DirectoryFeed
from storage.directory.lmdb import LmdbDirectory
from storage.log import DurableLog, LogFailed, LogFull
from storage.log.lmdb import LmdbLog
from storage.records.publisher import Publisher
from storage.records.records import Records

ANALYTICS, BLOBS, DIRECTORY, ORG_DIRECTORY, LOG, RECORDS = (
    "analytics",
    "blobs",
    "directory",
    "directory-org",
    "log",
    "records.db",
)


class CellConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where a cell's stores are, section [cell]. What is empty lies in the process's data directory."""

    analytics_url: str = ""
    """http(s)://user:password@host:port of a ClickHouse; empty: the engine in this process (chDB)."""

    analytics_memory_bytes: int = 1_500_000_000
    """What the engine in this process may take; by default it would take 90 % of the machine."""

    records_url: str = ""
    """postgresql+asyncpg://user:password@host/database; empty: SQLite."""

    secrets_dir: str = ""
    """Folder of secrets that organisations refer to by name, <org_id>/<name> in it; empty: there are none."""

    log_url: str = ""
    """nats://user:password@host:4222 of the region's NATS server; empty: LMDB."""

    log_monitor_url: str = ""
    """http://host:port of the same server's monitoring; empty: port 8222 of `log_url`'s host."""

    log_replicas: int = 1
    """Servers of a NATS cluster that keep each message; of a log that is made new."""

    log_bytes: int = 1 << 30
    """Size of the durable log on disk; it takes no more events at 80 % of it."""


class Cell:
    """One region's stores in one process."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.config = process.settings.load(CellConfig, "cell")
        self.signer = RowSigner.load(process.pki_dir, process.region)
        self.records: Records
        self.directory: LmdbDirectory
        self.publisher: Publisher
        self.egress: Egress

    @property
    def embedded(self) -> bool:
        """Whether the analytics engine runs in this process."""
        return not self.config.analytics_url

    @property
    def analytics_dir(self) -> Path:
        """The embedded engine's folder."""
        return self._process.data_dir / ANALYTICS

    @property
    def secrets_dir(self) -> Path | None:
        """Where the operator puts organisations' secrets."""
        return Path(self.config.secrets_dir) if self.config.secrets_dir else None

    @property
    def records_file(self) -> Path | None:
        """The SQLite file; None where the records are in PostgreSQL."""
        return None if self.config.records_url else self._process.data_dir / RECORDS

    def files(self, kind: str) -> BlobFolder:
        """The region's files of one kind."""
        return BlobFolder(self._process.data_dir / BLOBS / kind)

    @classmethod
    async def open(cls, process: Process) -> Cell:
        """Opens records and directory, and keeps the directory fed from the registry."""
        cell, stack = cls(process), process.stack
        url = cell.config.records_url or f"sqlite+aiosqlite:///{process.data_dir / RECORDS}"
        cell.records = await Records.open(url, region=process.region)
        stack.push_async_callback(cell.records.close)
        # A directory has one writing process: ingest. Org in a process of its own keeps one of its own.
        path = process.data_dir / (DIRECTORY if "ingest" in process.targets else ORG_DIRECTORY)
        cell.directory = await asyncio.to_thread(LmdbDirectory.open, path, region=process.region)
        stack.callback(cell.directory.close)
        process.directory = cell.directory
        stub = process.registry_stub()
        cell.publisher = Publisher(outbox=cell.records.outbox, signer=cell.signer, stub=stub)
        background(cell.publisher.run(), name="publisher", stack=process.stack)
        feed = DirectoryFeed(
            directory=cell.directory,
            verifier=RowVerifier(process.credentials.authorities),
            stub=stub,
            region=process.region,
            on_feed_change=cell.publisher.republish,
        )
        background(feed.run(), name="directory feed", stack=process.stack)
        process.services.append(build_directory(directory=cell.directory))
        process.reasons["directory"] = lambda: "" if feed.ready.is_set() else "no routing facts yet"
        cell.egress = _open_egress(process)
        stack.push_async_callback(cell.egress.close)
        return cell

    async def open_log(self) -> DurableLog:
        """The durable log; its writer has to be stopped before the stack closes it."""
        log = await asyncio.to_thread(self._open_log)
        self._process.stack.push_async_callback(asyncio.to_thread, log.close)
        return log

    def _open_log(self) -> DurableLog:
        config = self.config
        if not config.log_url:
            return LmdbLog.open(self._process.data_dir / LOG, max_bytes=config.log_bytes)
        from storage.log.jetstream import JetStreamLog

        try:
            return JetStreamLog.open(
                config.log_url,
                region=self._process.region,
                max_bytes=config.log_bytes,
                monitor_url=config.log_monitor_url,
                replicas=config.log_replicas,
            )
        except (LogFailed, LogFull) as error:
            why = error.detail or "the server has no room: free its disk, and restart it if it stays so"
            raise ConfigError(f"[cell] log_url: {why}") from None


def _open_egress(process: Process) -> Egress:
    try:
        return Egress.of(process.node(), process.settings.load(EgressConfig, "egress"))
    except ValueError as error:
        raise ConfigError(f"[egress] {error}") from None


async def open_engine(process: Process, limits: QueryLimits) -> Engine:
    """The analytics store, once per process. Raises ConfigError where query alone has none to ask."""
    if process.engine is None:
        config = process.settings.load(CellConfig, "cell")
        if not config.analytics_url and "ingest" not in process.targets:
            raise ConfigError(
                "the embedded analytics engine belongs to one process: run query with ingest "
                "(--target ingest,query), or set [cell] analytics_url to a ClickHouse server"
            )
        process.engine = await asyncio.to_thread(_open_engine, process, config, limits)
        process.stack.push_async_callback(asyncio.to_thread, process.engine.close)
    engine: Engine = process.engine
    return engine


def _open_engine(process: Process, config: CellConfig, limits: QueryLimits) -> Engine:
    if config.analytics_url:
        try:
            return Engine.server(config.analytics_url, region=process.region, limits=limits)
        except StoreDenied as denied:
            raise ConfigError(
                f"ClickHouse refuses the user of [cell] analytics_url ({denied.cause}): "
                f"check its password, and that it may create the database {DATABASE}"
            ) from None
    path, memory = process.data_dir / ANALYTICS, config.analytics_memory_bytes
    return Engine.embedded(path, region=process.region, max_memory_bytes=memory, limits=limits)

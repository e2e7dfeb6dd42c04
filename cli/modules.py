"""The table of modules: everything a process can be. `residency serve --target` picks from it.

Imports stand inside the functions, so that a process loads what it runs and no more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from cli.process import Process
from mesh.config import ConfigError
from mesh.ledger import EdgeKey
from mesh.tasks import background
from sankofa.residency.v1.ledger_pb2 import SIDE_CLIENT, SIDE_SERVER, VERDICT_ALLOWED, Side
from sankofa.residency.v1.options_pb2 import PLANE_TRANSIT

if TYPE_CHECKING:
    from cli.cell import Cell
    from storage.directory.lmdb import LmdbDirectory


FORWARD = "HTTP/forward"
"""What the ledger calls a request that the edge passes on."""
DIRECTORY_WAIT_S, DIRECTORY_POLL_S = 60.0, 0.05


@dataclass(frozen=True, slots=True)
class Module:
    """One target: the role in its certificate, the ports it serves, and how it joins a process."""

    summary: str
    role: str
    ports: frozenset[str]
    start: Callable[[Process], Awaitable[None]]


async def _registry(process: Process) -> None:
    from services.region_registry import build
    from services.region_registry.config import RegistryConfig
    from storage.registry.store import RegistryStore

    config = process.settings.load(RegistryConfig, "registry")
    store = await RegistryStore.open(config.store_url)
    process.stack.push_async_callback(store.close)
    process.services += await build(config=config, node=process.node(), stack=process.stack, store=store)


async def _ingest(process: Process) -> None:
    from cli.cell import open_engine
    from mesh.webhooks import WayOut
    from services.ingest import build
    from services.ingest.config import IngestConfig
    from services.ingest.mirror import build_mirror
    from services.ingest.plans import ToldPlans
    from services.ingest.projects import build as build_projects
    from services.ingest.projects.outgoing import Ways
    from services.ingest.retention import start_retention
    from services.query.config import QueryConfig

    cell, node, stack = await _cell(process), process.node(), process.stack
    config = process.settings.load(IngestConfig, "ingest")
    ways = Ways(
        deliveries=cell.records.project_deliveries,
        files=cell.files("project-audit-exports"),
        out=WayOut(cell.egress, process.hint_key(), config.webhook_look_s),
        export_every_s=config.export_look_s,
    )
    plans = ToldPlans(await cell.records.projects.plans())
    # Projects first: they restore the pins, without which the writer's store guard would refuse every row.
    process.services += await build_projects(
        node=node,
        stack=stack,
        records=cell.records.projects,
        audit_records=cell.records.audit,
        api_tokens=cell.records.api_tokens,
        directory=cell.directory,
        publisher=cell.publisher,
        signer=cell.signer,
        ways=ways,
        plans=plans,
    )
    limits = process.settings.load(QueryConfig, "query").limits()
    log, engine = await cell.open_log(), await open_engine(process, limits)
    process.services += await build(
        config=config,
        node=node,
        stack=stack,
        log=log,
        engine=engine,
        directory=cell.directory,
        data_dir=process.data_dir,
        records=cell.records_file,
        compressed=(cell.analytics_dir,) if cell.embedded else (),
        budgets=cell.records.budgets,
        plans=plans,
        audit_records=cell.records.audit,
        gauges=process.gauges,
    )
    process.services += build_mirror(
        stack=stack,
        engine=engine,
        audit_records=cell.records.audit,
        records=cell.records.audit_mirror,
        every_s=config.audit_mirror_every_s,
        gauges=process.gauges,
    )
    every_s = config.retention_look_s
    keeper = start_retention(grants=cell.records.projects, engine=engine, every_s=every_s, stack=stack)
    process.gauges.append(lambda: {"retention_projects_behind": keeper.behind})
    process.gauges.append(lambda: {f"log_{name}": value for name, value in log.stats()._asdict().items()})


async def _query(process: Process) -> None:
    from cli.cell import open_engine
    from services.query import build
    from services.query.config import QueryConfig

    config = process.settings.load(QueryConfig, "query")
    engine = await open_engine(process, config.limits())
    if "ingest" not in process.targets:
        process.directory = await _read_directory(process)
    process.services += await build(config=config, node=process.node(), stack=process.stack, engine=engine)


async def _org(process: Process) -> None:
    from mesh.hints import LoginHints
    from services.org import build
    from services.org.config import OrgConfig
    from storage.mails import OUTBOX, MailFolder

    cell, config = await _cell(process), process.settings.load(OrgConfig, "org")
    process.services += await build(
        config=config,
        node=process.node(),
        stack=process.stack,
        records=cell.records.orgs,
        moves=cell.records.moves,
        members=cell.records.members,
        teams=cell.records.teams,
        mailer=MailFolder(process.data_dir / OUTBOX, sender=config.mail_sender),
        plans=cell.records.plans,
        deliveries=cell.records.deliveries,
        audit_records=cell.records.audit,
        audit_expiry=cell.records.audit_expiry,
        egress=cell.egress,
        files=cell.files("audit-exports"),
        secret=process.hint_key(),
        sso=cell.records.sso,
        scim=cell.records.scim,
        scim_groups=cell.records.scim_groups,
        secrets_dir=cell.secrets_dir,
        session_records=cell.records.sessions,
        keys=cell.records.keys,
        second_factors=cell.records.second_factors,
        directory=cell.directory,
        publisher=cell.publisher,
        signer=cell.signer,
        hints=LoginHints(process.hint_key()),
    )


async def _rest(process: Process) -> None:
    from mesh.hints import LoginHints
    from services.rest import build
    from services.rest.config import RestConfig
    from services.rest.server import RestServer

    directory = process.directory = await _read_directory(process)
    config = process.settings.load(RestConfig, "rest")
    shim = await build(
        config=config,
        node=process.node(),
        directory=directory,
        hint_of=LoginHints(process.hint_key()).hint,
        on_edge_request=_transit(process, SIDE_SERVER, process.config.home_region),
        stack=process.stack,
    )
    server = RestServer(
        app=shim,
        credentials=process.credentials,
        public_address=config.public_address,
        edge_address=config.edge_address,
        patience=config.patience(),
        express=shim.express,
    )
    await server.start()
    process.stack.push_async_callback(server.drain, process.config.drain_s)
    process.reasons["rest"] = lambda: "; ".join(shim.health.reasons().values())
    process.gauges += [shim.health.gauges, server.gauges]


async def _router(process: Process) -> None:
    from mesh.http import HttpListener
    from services.router import build
    from services.router.config import RouterConfig
    from services.router.listener import listener_config

    directory = await _fed_directory(process)
    config = process.settings.load(RouterConfig, "router")
    forwarded = {region: _transit(process, SIDE_CLIENT, region) for region in process.credentials.authorities}
    app = build(
        directory=directory, home_region=process.region, on_forward=lambda region: forwarded[region](0)
    )
    server = HttpListener(
        listener_config(app, pki_dir=process.pki_dir, region=process.region), config.address
    )
    await server.start()
    process.stack.push_async_callback(server.drain, process.config.drain_s)


TARGETS: dict[str, Module] = {
    "registry": Module(
        "signed routing facts of all regions", "registry", frozenset({"federated"}), _registry
    ),
    "router": Module("tells the edge where a request belongs", "router", frozenset({"http"}), _router),
    "ingest": Module(
        "events in; projects, keys, telemetry", "cell", frozenset({"internal", "federated"}), _ingest
    ),
    "query": Module("answers out", "cell", frozenset({"internal"}), _query),
    "org": Module("accounts and organisations", "cell", frozenset({"federated"}), _org),
    "rest": Module("the public wire", "rest", frozenset({"http", "edge"}), _rest),
}


async def _cell(process: Process) -> Cell:
    from cli.cell import Cell

    cell: Cell | None = process.cell
    if cell is None:
        cell = process.cell = await Cell.open(process)
    return cell


async def _fed_directory(process: Process) -> LmdbDirectory:
    from mesh.signing import RowVerifier
    from storage.directory.feed import DirectoryFeed
    from storage.directory.lmdb import LmdbDirectory

    directory = await asyncio.to_thread(LmdbDirectory.open, process.data_dir / "directory", region=None)
    process.stack.callback(directory.close)
    verifier = RowVerifier(process.credentials.authorities)
    feed = DirectoryFeed(directory=directory, verifier=verifier, stub=process.registry_stub(), region=None)
    background(feed.run(), name="directory feed", stack=process.stack)
    process.reasons["directory"] = lambda: "" if feed.ready.is_set() else "no routing facts yet"
    return directory


async def _read_directory(process: Process) -> LmdbDirectory:
    """The region's directory, which its ingest process makes and keeps: waits for that, a minute at most."""
    from storage.directory.lmdb import LmdbDirectory

    open_ = partial(LmdbDirectory.open, process.data_dir / "directory", region=process.region, readonly=True)
    try:
        async with asyncio.timeout(DIRECTORY_WAIT_S):
            directory = await _once_made(open_)
    except TimeoutError:
        raise ConfigError(f"no directory in {process.data_dir}: start the region's ingest first") from None
    process.stack.callback(directory.close)
    return directory


async def _once_made(open_: Callable[[], LmdbDirectory]) -> LmdbDirectory:
    from storage.directory.environment import DirectoryMissing

    while True:
        try:
            return await asyncio.to_thread(open_)
        except DirectoryMissing:
            await asyncio.sleep(DIRECTORY_POLL_S)


def _transit(process: Process, side: Side, other: str) -> Callable[[int], None]:
    """Counts a request that the edge passes on: by the router as it leaves, by the shim as it comes in."""
    caller, callee = (process.region, other) if side == SIDE_CLIENT else (other, process.region)
    key = EdgeKey(side, caller, callee, FORWARD, PLANE_TRANSIT, VERDICT_ALLOWED)
    return lambda size: process.ledger.begin(key, requests=1, rows=0, size=size)

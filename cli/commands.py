"""What the commands for a whole mesh do. Each answers its exit code."""

from __future__ import annotations

import shlex
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from cli import audit as auditing
from cli.assign import assign
from cli.demo import demonstrate
from cli.meshfile import DEMO_NAME, DemoFile, MeshFile, read_demo, read_mesh, write_private
from cli.operator import running_mesh
from cli.seed import make_demo
from cli.sweep import sweep
from cli.topology import Topology
from cli.up import LocalMesh, remove_data, until_stopped

ERRORS = Console(stderr=True)
MIN_WIDTH = 120


def wide_console() -> Console:
    """Standard output; wide enough for the tables where it is not a terminal."""
    console = Console()
    return console if console.width >= MIN_WIDTH else Console(width=MIN_WIDTH)


async def run_up(
    data_dir: Path,
    output: str,
    *,
    fresh: bool,
    free_ports: bool,
    trace_ratio: float,
    rate_limit: int,
    postgres: str = "",
) -> int:
    """Starts everything, prints the table, and watches until it is told to stop."""
    if fresh:
        remove_data(data_dir)
    topology = Topology.plan(
        data_dir, free_ports=free_ports, trace_ratio=trace_ratio, postgres=postgres, rate_limit=rate_limit
    )
    async with _local_mesh(topology) as (mesh, seconds):
        demo = read_demo(data_dir)
        if demo is None:
            demo, _ = await make_demo(mesh.file, name="Demo shop")
            write_private(data_dir / DEMO_NAME, demo)
        if output == "json":
            print(
                msgspec.json.encode({"mesh": mesh.file, "ready_after_s": round(seconds, 2)}).decode(),
                flush=True,
            )
        else:
            _show_mesh(mesh.file, demo, seconds)
        await until_stopped()
        ERRORS.print("stopping …")
    return 0


async def run_audit(data_dir: Path, *, as_json: bool) -> int:
    """The verdict is the exit code."""
    judgement = await auditing.audit(running_mesh(data_dir))
    if as_json:
        print(auditing.as_json(judgement).decode())
    else:
        auditing.show(judgement, wide_console())
    return judgement.outcome.value


async def run_demo(data_dir: Path, *, seed: str, sessions: int) -> int:
    """0 where all of it held, else 1."""
    console = wide_console()
    mesh = read_mesh(data_dir)
    if mesh is not None:
        return int(not await demonstrate(mesh, console, seed=seed, sessions=sessions))
    folder = Path(tempfile.mkdtemp(prefix="residency-demo-"))
    try:
        console.print("no mesh is running: starting one for the demonstration")
        topology = Topology.plan(folder, free_ports=True, trace_ratio=1.0)
        async with _local_mesh(topology) as (own, _):
            return int(not await demonstrate(own.file, console, seed=seed, sessions=sessions))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def run_assign(data_dir: Path, url: str, *, email: str, password: str, org_id: str, region: str) -> int:
    """0 once the organisation is there, 1 where it was given up."""
    where = url or running_mesh(data_dir).global_url
    return await assign(
        where, email=email, password=password, org_id=org_id, region=region, console=wide_console()
    )


async def run_sweep(data_dir: Path, marker: str) -> int:
    """Prints every place that was looked at."""
    mesh = running_mesh(data_dir)
    table = Table("region", "store", "place", "examined", "hits")
    for region in mesh.regions:
        for place in (await sweep(mesh, region, marker)).places:
            style = "bold" if place.hits else "dim"
            table.add_row(
                region, place.store, place.place, f"{place.examined:,}", f"{place.hits:,}", style=style
            )
    wide_console().print(table)
    return 0


@asynccontextmanager
async def _local_mesh(topology: Topology) -> AsyncIterator[tuple[LocalMesh, float]]:
    mesh = LocalMesh(topology, lambda line: ERRORS.print(line, markup=False, highlight=False))
    try:
        yield mesh, await mesh.start()
    finally:
        await mesh.stop()


def _show_mesh(mesh: MeshFile, demo: DemoFile, seconds: float) -> None:
    console = wide_console()
    table = Table(title=f"Sankofa residency mesh, ready after {seconds:.1f} s", title_justify="left")
    for column in ("region", "REST", "demo key (live)"):
        table.add_column(column, no_wrap=True)
    keys = {project.region: project.keys["live"] for project in demo.projects}
    table.add_row("global", mesh.global_url, "any of the keys below")
    for region, where in mesh.regions.items():
        table.add_row(region, where.rest_url, keys.get(region, ""))
    console.print(table)
    owner = demo.orgs[0].owner
    console.print(f"Owner: {owner.email}  password: {owner.password}", markup=False, highlight=False)
    console.print(
        _curl(mesh.global_url, demo.projects[0].keys["live"]), markup=False, highlight=False, soft_wrap=True
    )
    console.print(
        "Ctrl-C stops it. In another terminal: `make demo`, `.venv/bin/residency audit`.", highlight=False
    )


def _curl(url: str, key: str) -> str:
    event = '{"event_name":"checkout_started","distinct_id":"user_123","properties":{"cart_value":49.99}}'
    headers = f"-H 'x-api-key: {key}' -H 'content-type: application/json'"
    return f"curl -i {url}/api/v1/track {headers} -d {shlex.quote(event)}"

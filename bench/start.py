"""`residency bench start`: how long until a mesh and a cell can take work; also killed over a full log."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Final

import msgspec
from rich.console import Console
from rich.table import Table

from bench.child import child
from bench.full_log import Fill, Filled
from bench.load import batches
from bench.opening import Opened
from bench.run import READY_WITHIN_S, Machine, own_folder, say, small_mesh, started
from bench.starting import Cell, SmallLog, Start, cpu_s, pids_of
from cli.cell import LOG
from cli.client import PublicClient, WireError, eventually
from cli.meshfile import DemoFile
from cli.seed import make_demo
from cli.up import LocalMesh
from mesh.regions import DEFAULT_CATALOGUE

FIRST, AGAIN = "the engine alone, first time", "the engine alone, again"
COUNTED_WITHIN_S: Final = 60.0
REGIONS: Final = len(DEFAULT_CATALOGUE)


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """Medians of the rounds: seconds until ready, and the CPU seconds that all started processes had used."""

    what: str
    ready_s: float
    cpu_s: float
    floor: str
    floor_s: float
    floor_cpu_s: float
    ratio: float


class FullLog(msgspec.Struct, frozen=True, kw_only=True):
    """A cell killed with -9 over a full log, timed from the start of the next one.

    `equal`: the store holds as many events as the log held rows.
    """

    log: Filled
    rows_at_kill: int
    ready_s: float
    drained_s: float
    rows_per_second: float
    stored: int
    equal: bool


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One run."""

    machine: Machine
    rounds: int
    rows: list[Row]
    full_log: FullLog


async def run_start(*, folder: Path, rounds: int, log_mib: int, json: bool, console: Console) -> int:
    """Measures and prints; 1 where a full log was not stored whole."""
    machine = Machine.here(folder, None)
    starts: dict[str, list[Start]] = {}
    async with own_folder(folder) as own:
        for number in range(rounds):
            for what, start in await _round(own / f"round-{number}"):
                starts.setdefault(what, []).append(start)
        full = await _full_log(own / "full", log_mib << 20)
    whole = f"whole mesh of {REGIONS} regions"
    rows = [
        _row(f"{whole}, nothing there yet", starts, FIRST),
        _row(f"{whole}, again", starts, AGAIN),
        _row("one cell, stopped and started", starts, AGAIN),
        _row("one cell after kill -9", starts, AGAIN),
    ]
    report = Report(machine=machine, rounds=rounds, rows=rows, full_log=full)
    if json:
        print(msgspec.json.format(msgspec.json.encode(report), indent=2).decode())
    else:
        show(report, console)
    return 0 if full.equal else 1


async def _round(folder: Path) -> list[tuple[str, Start]]:
    """Every start once, each floor before those that it is of."""
    whole = f"whole mesh of {REGIONS} regions"
    await asyncio.to_thread(folder.mkdir)
    say("the engine alone, then a whole mesh, twice")
    found = [(floor, await _engine_alone(folder)) for floor in (FIRST, AGAIN)]
    topology = small_mesh(folder / "data", DEFAULT_CATALOGUE)
    for what in (f"{whole}, nothing there yet", f"{whole}, again"):
        mesh = LocalMesh(topology, say)
        try:
            ready_s = await mesh.start(READY_WITHIN_S)
            found.append((what, Start(ready_s, cpu_s(pids_of(mesh)))))
            if what.endswith("again"):
                cell = Cell(mesh)
                found.append(("one cell, stopped and started", await cell.ended_by(signal.SIGTERM)))
                found.append(("one cell after kill -9", await cell.ended_by(signal.SIGKILL)))
        finally:
            await mesh.stop()
    return found


async def _engine_alone(folder: Path) -> Start:
    async with child("bench.opening", str(folder / "engine"), folder=folder) as opening:
        opened = await opening.ask({}, Opened)
    return Start(opened.seconds, opened.cpu_s)


async def _full_log(folder: Path, log_bytes: int) -> FullLog:
    """Fills the log of a stopped cell, starts it, kills it once it is ready, and watches the next one."""
    await asyncio.to_thread(folder.mkdir)
    planned = SmallLog.plan(
        folder / "data", free_ports=True, trace_ratio=0.0, catalogue=DEFAULT_CATALOGUE[:1]
    )
    assert isinstance(planned, SmallLog)
    planned.log_bytes = log_bytes
    async with started(planned) as mesh:
        demo, _ = await make_demo(mesh.file, name="Benchmark")
    project = demo.projects[0]
    say("filling the log to its bound")
    bodies = await asyncio.to_thread(_bodies, folder / "bodies")
    log = planned.regions[0].folder / LOG
    async with child("bench.full_log", str(log), str(bodies), folder=folder) as filler:
        filled = await filler.ask(Fill(project.id, log_bytes), Filled)
    say(f"{filled.rows:,} rows wait; killing the cell as soon as it is ready")
    mesh = LocalMesh(planned, say)
    cell, starting = Cell(mesh), asyncio.create_task(mesh.start(READY_WITHIN_S))
    try:
        await cell.ready()
        rows_at_kill = await cell.waiting()
        ready = await cell.ended_by(signal.SIGKILL)
        drained_s = await cell.drained()
        await starting
        stored = await _stored(mesh, demo)
    finally:
        starting.cancel()
        await mesh.stop()
    return FullLog(
        log=filled,
        rows_at_kill=rows_at_kill,
        ready_s=ready.ready_s,
        drained_s=drained_s,
        rows_per_second=rows_at_kill / drained_s,
        stored=stored,
        equal=stored == filled.rows,
    )


async def _stored(mesh: LocalMesh, demo: DemoFile) -> int:
    """As the region counts them, once its shim has found the new cell and knows again who may ask."""
    project, owner = demo.projects[0], demo.orgs[0].owner
    async with PublicClient(mesh.file.regions[project.region].rest_url) as client:

        async def counted() -> int | None:
            with suppress(WireError):
                account = await client.log_in(email=owner.email, password=owner.password)
                found = await client.query(str(account["token"]), project.id, "events/counts")
                return int(found["events"])
            return None

        stored = await eventually(counted, lambda count: count is not None, timeout_s=COUNTED_WITHIN_S)
    return int(stored or 0)


def _bodies(file: Path) -> Path:
    file.write_bytes(b"".join(body + b"\n" for body in batches(1000)))
    return file


def _row(what: str, starts: dict[str, list[Start]], floor: str) -> Row:
    ready_s = median(start.ready_s for start in starts[what])
    floor_s = median(start.ready_s for start in starts[floor])
    return Row(
        what=what,
        ready_s=ready_s,
        cpu_s=median(start.cpu_s for start in starts[what]),
        floor=floor,
        floor_s=floor_s,
        floor_cpu_s=median(start.cpu_s for start in starts[floor]),
        ratio=ready_s / floor_s,
    )


def show(report: Report, console: Console) -> None:
    """The table, and what became of the full log."""
    console.print(f"{report.machine}; medians of {report.rounds} rounds", highlight=False)
    table = Table(title="Seconds until ready", title_justify="left")
    for column in ("start", "floor"):
        table.add_column(column)
    for column in ("ready", "floor", "x floor", "CPU", "floor CPU"):
        table.add_column(column, justify="right")
    for row in report.rows:
        table.add_row(
            row.what,
            row.floor,
            f"{row.ready_s:.2f}",
            f"{row.floor_s:.2f}",
            f"[bold]{row.ratio:.1f}[/]",
            f"{row.cpu_s:.2f}",
            f"{row.floor_cpu_s:.2f}",
        )
    console.print(table)
    full = report.full_log
    style, verdict = ("green", "equal") if full.equal else ("bold red", "NOT EQUAL")
    console.print(
        f"kill -9 over a full log ({full.log.rows:,} rows, {full.log.bytes / 1e6:,.0f} MB; at the kill "
        f"{full.rows_at_kill:,}): ready after {full.ready_s:.2f} s, drained after {full.drained_s:.1f} s "
        f"({full.rows_per_second:,.0f} rows/s); stored {full.stored:,}: [{style}]{verdict}[/]",
        highlight=False,
    )

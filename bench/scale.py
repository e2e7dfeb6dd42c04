"""`residency bench scale`: what a request costs as keys and regions grow, and who needs how much memory."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import fmean
from typing import Final

import msgspec
from rich.console import Console
from rich.table import Table

from bench.keys import Looked
from bench.load import Wrk
from bench.run import Machine, own_folder, say
from bench.sized import CONNECTIONS, Sized, pss_mib, sized

WARM_UP_S: Final = 1.0


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One size. `lookup_ratio` is to the fewest keys of the run; CPU of a request in microseconds.

    Memory is proportional set size, MiB; of rest and cell the mean of all regions. `idle_cores`: CPU seconds
    a second of the whole mesh while nobody asks anything. `equal`: every request was acknowledged, and the
    log took as many rows.
    """

    keys: int
    regions: int
    directory_bytes: int
    lookup_us: float
    lookup_and_project_us: float
    lookup_ratio: float
    acknowledged: int
    per_second: float
    p50_ms: float
    p99_ms: float
    cpu_us: dict[str, float]
    idle_cores: float
    pss_mib: dict[str, float]
    total_pss_mib: float
    equal: bool


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One run."""

    machine: Machine
    floor: str
    connections: int
    seconds: float
    rounds: int
    rows: list[Row]


async def run_scale(
    *,
    folder: Path,
    keys: Sequence[int],
    regions: Sequence[int],
    seconds: float,
    rounds: int,
    json: bool,
    console: Console,
) -> int:
    """Measures and prints; 1 where a request was refused, or the log took another number of rows."""
    wrk = await Wrk.find()
    machine = Machine.here(folder, wrk)
    async with own_folder(folder) as own:
        async with AsyncExitStack() as stack:
            beside = [
                await stack.enter_async_context(sized(wrk, own / f"keys-{count}", keys=count, regions=1))
                for count in sorted(set(keys))
            ]
            rows = await _measured(beside, seconds=seconds, rounds=rounds)
        fewest = _mean(beside[0].looked)
        for count in sorted(set(regions) - {1}):
            async with sized(wrk, own / f"regions-{count}", keys=min(keys), regions=count) as one:
                rows += await _measured([one], seconds=seconds, rounds=rounds, fewest=fewest)
    report = Report(
        machine=machine,
        floor=f"look-ups in a tight loop among {min(keys):,} keys",
        connections=CONNECTIONS,
        seconds=seconds,
        rounds=rounds,
        rows=rows,
    )
    if json:
        print(msgspec.json.format(msgspec.json.encode(report), indent=2).decode())
    else:
        show(report, console)
    return 0 if all(row.equal for row in report.rows) else 1


async def _measured(
    sizes: Sequence[Sized], *, seconds: float, rounds: int, fewest: Looked | None = None
) -> list[Row]:
    """Meshes that run side by side take turns."""
    for one in sizes:
        await one.load(WARM_UP_S)
        one.measured.clear()
        one.appended = 0
    for _ in range(rounds):
        for one in sizes:
            say(f"{one.keys:,} keys, {one.regions} regions: look-ups, then events")
            await one.look_up(seconds)
            await one.load(seconds)
    for one in sizes:
        await one.idle()
    return [_row(one, fewest or _mean(sizes[0].looked)) for one in sizes]


def _row(size: Sized, fewest: Looked) -> Row:
    """What was measured, beside the look-ups among the fewest keys."""
    loads = [one.load for one in size.measured]
    acknowledged = sum(load.requests for load in loads)
    spent = {name: sum(one.cpu_s[name] for one in size.measured) for name in ("rest", "cell")}
    memory = pss_mib(size.mesh)
    looked = _mean(size.looked)
    return Row(
        keys=size.keys,
        regions=size.regions,
        directory_bytes=size.directory_bytes,
        lookup_us=looked.key_us,
        lookup_and_project_us=looked.key_and_project_us,
        lookup_ratio=looked.key_us / fewest.key_us,
        acknowledged=acknowledged,
        per_second=acknowledged / sum(load.seconds for load in loads),
        p50_ms=fmean(load.p50_ms for load in loads),
        p99_ms=fmean(load.p99_ms for load in loads),
        cpu_us={name: seconds * 1e6 / max(acknowledged, 1) for name, seconds in spent.items()},
        idle_cores=size.idle_cores,
        pss_mib={role: fmean(sizes) for role, sizes in memory.items()},
        total_pss_mib=sum(sum(sizes) for sizes in memory.values()),
        equal=size.appended == acknowledged and not any(load.refused or load.broken for load in loads),
    )


def _mean(looked: Sequence[Looked]) -> Looked:
    return Looked(
        sum(one.looks for one in looked),
        fmean(one.key_us for one in looked),
        fmean(one.key_and_project_us for one in looked),
    )


def show(report: Report, console: Console) -> None:
    """The tables."""
    console.print(
        f"{report.machine}; {report.rounds} x {report.seconds:g} s each, {report.connections} connections",
        highlight=False,
    )
    costs = Table(title=f"Cost of a request, CPU in µs; floor: {report.floor}", title_justify="left")
    memory = Table(title="Memory (PSS, MiB) and CPU of the whole mesh at rest", title_justify="left")
    roles = list(report.rows[0].pss_mib)
    cpus = list(report.rows[0].cpu_us)
    for table in (costs, memory):
        table.add_column("keys", justify="right")
        table.add_column("regions", justify="right")
    for column in (
        "directory MB",
        "look-up µs",
        "x floor",
        "with project µs",
        "events/s",
        "p50 ms",
        "p99 ms",
    ):
        costs.add_column(column, justify="right")
    for column in (*cpus, "equal"):
        costs.add_column(column, justify="right")
    for column in (*roles, "whole mesh", "cores at rest"):
        memory.add_column(column, justify="right")
    for row in report.rows:
        costs.add_row(
            f"{row.keys:,}",
            str(row.regions),
            f"{row.directory_bytes / 1e6:,.1f}",
            f"{row.lookup_us:.2f}",
            f"[bold]{row.lookup_ratio:.2f}[/]",
            f"{row.lookup_and_project_us:.2f}",
            f"{row.per_second:,.0f}",
            f"{row.p50_ms:.2f}",
            f"{row.p99_ms:.2f}",
            *(f"{row.cpu_us[name]:.1f}" for name in cpus),
            "[green]yes[/]" if row.equal else "[bold red]NO[/]",
        )
        memory.add_row(
            f"{row.keys:,}",
            str(row.regions),
            *(f"{row.pss_mib[role]:.0f}" for role in roles),
            f"{row.total_pss_mib:,.0f}",
            f"{row.idle_cores:.2f}",
        )
    console.print(costs)
    console.print(memory)

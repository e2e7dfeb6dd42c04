"""What the benchmark found: a table for people, a document for programs."""

from __future__ import annotations

from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from bench.queryable import Queryable
from bench.run import Machine


class Latency(msgspec.Struct, frozen=True):
    """Milliseconds from a request to its answer."""

    p50_ms: float
    p99_ms: float
    p999_ms: float


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One load beside its floor. Rates are of events; `ratio` is `per_second` through `floor_per_second`.

    `stored_per_second` reckons until the last of them was in the analytics store. `refused` requests were
    answered with an error, `broken` ones not at all: they may be stored. CPU seconds: per million events.
    """

    what: str
    events_per_request: int
    connections: int
    acknowledged: int
    per_second: float
    floor: str
    floor_per_second: float
    ratio: float
    stored_per_second: float
    stored_ratio: float
    latency: Latency
    floor_latency: Latency | None
    refused: int
    broken: int
    cpu_s_per_million: dict[str, float]
    floor_cpu_s_per_million: dict[str, float]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One run. `equal`: the store holds exactly the events that were acknowledged.

    `unanswered` events were refused or got no answer: some of them may be stored all the same.
    """

    machine: Machine
    seconds: float
    rounds: int
    rows: list[Row]
    queryable: Queryable
    acknowledged: int
    unanswered: int
    stored: int
    equal: bool


def as_json(report: Report) -> bytes:
    """The document."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2)


def show(report: Report, console: Console) -> None:
    """The tables, and whether what was acknowledged is stored."""
    console.print(
        f"{report.machine}; {report.rounds} x {report.seconds:g} s each, floor and mesh in turn",
        highlight=False,
    )
    for floor in dict.fromkeys(row.floor for row in report.rows):
        console.print(_rates(floor, [row for row in report.rows if row.floor == floor]))
    console.print(_costs(report.rows))
    waited = report.queryable
    console.print(
        f"time until queryable: p50 {waited.p50_ms:.0f} ms, p99 {waited.p99_ms:.0f} ms"
        f" ({waited.probes} single events, nothing else going on)",
        highlight=False,
    )
    if report.machine.filesystem in ("tmpfs", "ramfs"):
        console.print("The folder is in memory: nothing here was made durable. Use --folder.", style="yellow")
    style, verdict = ("green", "equal") if report.equal else ("bold red", "NOT EQUAL")
    console.print(
        f"acknowledged {report.acknowledged:,}, stored {report.stored:,}: [{style}]{verdict}[/]"
        f" ({report.unanswered:,} more events refused or unanswered)",
        highlight=False,
    )


def _rates(floor: str, rows: list[Row]) -> Table:
    table = Table(title=f"Durable events per second; floor: {floor}", title_justify="left")
    table.add_column("load")
    numbers = ("events/s", "floor/s", "ratio", "stored/s", "ratio", "p50 ms", "p99 ms", "p99.9 ms", "refused")
    for column in numbers:
        table.add_column(column, justify="right")
    for row in rows:
        latency = row.latency
        table.add_row(
            f"{row.what}, {row.connections} connections",
            f"{row.per_second:,.0f}",
            f"{row.floor_per_second:,.0f}",
            f"[bold]{row.ratio:.2f}[/]",
            f"{row.stored_per_second:,.0f}",
            f"{row.stored_ratio:.2f}",
            f"{latency.p50_ms:.2f}",
            f"{latency.p99_ms:.2f}",
            f"{latency.p999_ms:.2f}",
            f"{row.refused + row.broken:,}",
        )
    return table


def _costs(rows: list[Row]) -> Table:
    processes = list(dict.fromkeys(name for row in rows for name in row.cpu_s_per_million))
    table = Table(title="CPU seconds per million events", title_justify="left")
    table.add_column("load")
    for column in (*processes, "floor process"):
        table.add_column(column, justify="right")
    for row in rows:
        spent: dict[str, Any] = row.cpu_s_per_million
        floor = " + ".join(f"{name} {cost:.1f}" for name, cost in row.floor_cpu_s_per_million.items())
        costs = (f"{spent[name]:.1f}" for name in processes)
        table.add_row(f"{row.what}, {row.connections} connections", *costs, floor)
    return table

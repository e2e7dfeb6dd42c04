"""`residency bench query`: answers over HTTP beside the same SQL sent straight to the engine."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from statistics import fmean
from typing import Any
from urllib.parse import urlencode

import msgspec
from rich.console import Console
from rich.table import Table

from bench.child import Child, child
from bench.cpu import cpu_of
from bench.fill import Fill, Filled
from bench.load import Load, Wrk
from bench.questions import QUESTIONS, Question
from bench.raw import Ask, Told
from bench.requests import request, write
from bench.run import Machine, own_folder, say, small_mesh, started
from cli.cell import ANALYTICS
from cli.client import PublicClient
from cli.meshfile import DemoFile, DemoProject, RegionProcesses
from cli.seed import make_demo
from cli.topology import Topology


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One question. Milliseconds of one answer at a time; CPU milliseconds an answer, by process.

    `overhead_ms` is what the mesh's p50 has over the floor's, `cpu_overhead_ms` the same of CPU time.
    `equal`: the answer over HTTP says what the statements say, and no request failed.
    """

    what: str
    statements: int
    answers: int
    p50_ms: float
    p99_ms: float
    floor_answers: int
    floor_p50_ms: float
    floor_p99_ms: float
    overhead_ms: float
    cpu_ms: dict[str, float]
    floor_cpu_ms: float
    cpu_overhead_ms: float
    equal: bool


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One run, over a store of so many events."""

    machine: Machine
    floor: str
    seconds: float
    rounds: int
    store: Filled
    rows: list[Row]


class Query:
    """Asks every question of a region that runs and, in turn, of an engine on a copy of its store."""

    def __init__(
        self, *, wrk: Wrk, folder: Path, where: RegionProcesses, project: DemoProject, token: str, raw: Child
    ) -> None:
        self._wrk, self._folder, self._where = wrk, folder, where
        self._project, self._token, self._raw = project, token, raw

    async def row(self, question: Question, *, seconds: float, rounds: int) -> Row:
        """Takes turns with the floor; latencies are means of the rounds' percentiles."""
        loads, told = list[Load](), list[Told]()
        pids = {role: self._where.pids[role] for role in ("rest", "cell")}
        answer = await self._answer(question)
        await self._load(question, 0.0)
        used = dict.fromkeys(pids, 0.0)
        for _ in range(rounds):
            with cpu_of(pids) as spent:
                loads.append(await self._load(question, seconds))
            used = {role: used[role] + spent[role] for role in pids}
            told.append(await self._raw.ask(Ask(question.name, seconds), Told))
        answers, passes = sum(load.requests for load in loads), sum(one.passes for one in told)
        p50_ms, floor_p50_ms = fmean(load.p50_ms for load in loads), fmean(one.p50_ms for one in told)
        cpu_ms = {role: seconds_used * 1000 / max(answers, 1) for role, seconds_used in used.items()}
        floor_cpu_ms = sum(one.cpu_ms * one.passes for one in told) / passes
        return Row(
            what=question.name,
            statements=told[0].statements,
            answers=answers,
            p50_ms=p50_ms,
            p99_ms=fmean(load.p99_ms for load in loads),
            floor_answers=passes,
            floor_p50_ms=floor_p50_ms,
            floor_p99_ms=fmean(one.p99_ms for one in told),
            overhead_ms=p50_ms - floor_p50_ms,
            cpu_ms=cpu_ms,
            floor_cpu_ms=floor_cpu_ms,
            cpu_overhead_ms=sum(cpu_ms.values()) - floor_cpu_ms,
            equal=all(one.answer == answer for one in told) and not any(load.refused for load in loads),
        )

    async def _answer(self, question: Question) -> list[Any]:
        async with PublicClient(self._where.rest_url) as client:
            asked = {"environment": question.environment, **question.parameters}
            return list(
                question.told(await client.query(self._token, self._project.id, question.path, **asked))
            )

    async def _load(self, question: Question, seconds: float) -> Load:
        """One connection, one answer at a time."""
        asked = urlencode({"environment": question.environment, **question.parameters})
        path = f"/api/v1/projects/{self._project.id}/{question.path}?{asked}"
        headers = {"authorization": f"Bearer {self._token}"}
        file = write(self._folder / "query.http", [request("GET", self._where.rest_url, path, headers)])
        return await self._wrk.send(self._where.rest_url, file, connections=1, seconds=seconds)


async def run_query(
    *, folder: Path, rows: int, seconds: float, rounds: int, json: bool, console: Console
) -> int:
    """Measures and prints; 1 where an answer over HTTP is another than the statements'."""
    wrk = await Wrk.find()
    machine = Machine.here(folder, wrk)
    async with own_folder(folder) as own:
        topology = small_mesh(own / "data")
        demo, store = await _filled(topology, rows)
        copy = own / "raw"
        await asyncio.to_thread(shutil.copytree, topology.regions[0].folder / ANALYTICS, copy, symlinks=True)
        project = demo.projects[0]
        async with started(topology) as mesh, child("bench.raw", str(copy), project.id, folder=own) as raw:
            where, owner = mesh.file.regions[project.region], demo.orgs[0].owner
            async with PublicClient(where.rest_url) as client:
                token = str((await client.log_in(email=owner.email, password=owner.password))["token"])
            query = Query(wrk=wrk, folder=own, where=where, project=project, token=token, raw=raw)
            found = []
            for question in QUESTIONS:
                say(f"{question.name}: mesh, then the engine alone")
                found.append(await query.row(question, seconds=seconds, rounds=rounds))
    report = Report(
        machine=machine,
        floor="the same SQL on an engine of its own, on a copy of the store",
        seconds=seconds,
        rounds=rounds,
        store=store,
        rows=found,
    )
    if json:
        print(msgspec.json.format(msgspec.json.encode(report), indent=2).decode())
    else:
        show(report, console)
    return 0 if all(row.equal for row in found) and store.rows == rows else 1


async def _filled(topology: Topology, rows: int) -> tuple[DemoFile, Filled]:
    """A project on a mesh that has stopped again, and its events: an engine has one process per store."""
    async with started(topology) as mesh:
        demo, _ = await make_demo(mesh.file, name="Benchmark")
    plan, project = topology.regions[0], demo.projects[0]
    say(f"filling the store with {rows:,} events")
    async with child("bench.fill", str(plan.folder / ANALYTICS), folder=plan.folder) as filler:
        store = await filler.ask(Fill(project.id, project.org_id, rows), Filled)
    say(f"{store.rows:,} events in {store.parts} parts after {store.seconds:.0f} s")
    return demo, store


def show(report: Report, console: Console) -> None:
    """The table."""
    store = report.store
    console.print(
        f"{report.machine}; {report.rounds} x {report.seconds:g} s each, one connection; "
        f"{store.rows:,} events of {store.people:,} people in {store.parts} parts, "
        f"{store.bytes / 1e6:,.0f} MB",
        highlight=False,
    )
    table = Table(title=f"Milliseconds an answer; floor: {report.floor}", title_justify="left")
    table.add_column("question")
    for column in ("SQL", "p50", "floor p50", "over it", "p99", "floor p99", "CPU", "floor CPU", "over it"):
        table.add_column(column, justify="right")
    table.add_column("equal")
    for row in report.rows:
        cpu = " + ".join(f"{name} {spent:.1f}" for name, spent in row.cpu_ms.items())
        table.add_row(
            row.what,
            str(row.statements),
            f"{row.p50_ms:.1f}",
            f"{row.floor_p50_ms:.1f}",
            f"[bold]{row.overhead_ms:+.1f}[/]",
            f"{row.p99_ms:.1f}",
            f"{row.floor_p99_ms:.1f}",
            cpu,
            f"{row.floor_cpu_ms:.1f}",
            f"{row.cpu_overhead_ms:+.1f}",
            "[green]yes[/]" if row.equal else "[bold red]NO[/]",
        )
    console.print(table)

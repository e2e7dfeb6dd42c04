"""`residency bench ingest`: what ingestion does per second, beside its floors, in one run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Final

from rich.console import Console

from bench.cpu import cpu_of, per_million
from bench.floor import Noop, noop_server, writer_alone
from bench.load import Load, Wrk, batches, singles
from bench.queryable import PROBES, Queryable
from bench.report import Latency, Report, Row, as_json, show
from bench.run import Machine, say
from bench.target import Measured, Target, running

TRACK, BATCH = "/api/v1/track", "/api/v1/batch"
BATCH_SIZES: Final = (100, 1000)
BATCH_CONNECTIONS: Final = 16
WARM_UP_S: Final = 1.0
MOST_FLOOR_ROWS: Final = 500_000


class Ingest:
    """One run. Keeps count of every event that was acknowledged."""

    def __init__(self, target: Target, *, seconds: float, rounds: int) -> None:
        self._target = target
        self._seconds, self._rounds = seconds, rounds
        self.acknowledged = self.unanswered = 0

    async def rows(self, connections: Sequence[int]) -> list[Row]:
        """Every row: single events for each number of connections, then batches."""
        bodies = self._bodies("singles", singles())
        async with noop_server(self._target.pki_dir, self._target.region) as noop:
            await self._floor(noop, bodies, connections[0], WARM_UP_S)
            await self._measure(TRACK, bodies, connections[0], 1, WARM_UP_S)
            rows = [await self._single(noop, bodies, number) for number in connections]
        return rows + [await self._batch(size) for size in BATCH_SIZES]

    async def queryable(self) -> Queryable:
        """How long an acknowledged event waits until it is in an answer, with nothing else going on."""
        say(f"time until queryable: {PROBES} events, one after the other")
        found = await self._target.time_until_queryable()
        self.acknowledged += found.probes
        return found

    async def _single(self, noop: Noop, bodies: Path, connections: int) -> Row:
        floors: list[Load] = []
        ours: list[Measured] = []
        with cpu_of({"no-op": noop.pid}) as floor_cpu:
            for _ in range(self._rounds):
                say(f"single events, {connections} connections: floor, then mesh")
                floors.append(await self._floor(noop, bodies, connections, self._seconds))
                ours.append(await self._measure(TRACK, bodies, connections, 1, self._seconds))
        rate = _rate([load.requests for load in floors], [load.seconds for load in floors])
        return _row(
            "single events",
            ours,
            events_per_request=1,
            connections=connections,
            floor=("a no-op handler on the same server", rate, _latency(floors)),
            floor_cpu_s=per_million(floor_cpu, sum(load.requests for load in floors)),
        )

    async def _batch(self, size: int) -> Row:
        bodies = self._bodies(f"batches-{size}", batches(size))
        ours, floors = [], []
        for number in range(self._rounds):
            say(f"batches of {size}: mesh, then the writer alone")
            ours.append(await self._measure(BATCH, bodies, BATCH_CONNECTIONS, size, self._seconds))
            rows = min(max(ours[-1].load.requests, 1) * size, MOST_FLOOR_ROWS)
            folder = self._target.folder / f"writer-{size}-{number}"
            floors.append(await writer_alone(folder, bodies, rows))
        stored = sum(drained.rows for drained in floors)
        return _row(
            f"batches of {size}",
            ours,
            events_per_request=size,
            connections=BATCH_CONNECTIONS,
            floor=("the writer alone on the same bytes", stored / sum(one.seconds for one in floors), None),
            floor_cpu_s=per_million({"writer": sum(one.cpu_s for one in floors)}, stored),
        )

    async def _floor(self, noop: Noop, bodies: Path, connections: int, seconds: float) -> Load:
        return await self._target.wrk.post(
            noop.url, TRACK, key="none", bodies=bodies, connections=connections, seconds=seconds
        )

    async def _measure(
        self, path: str, bodies: Path, connections: int, size: int, seconds: float
    ) -> Measured:
        found = await self._target.measure(path, bodies, connections=connections, seconds=seconds)
        self.acknowledged += found.load.requests * size
        self.unanswered += (found.load.refused + found.load.broken) * size
        return found

    def _bodies(self, name: str, bodies: Iterable[bytes]) -> Path:
        file = self._target.folder / name
        file.write_bytes(b"".join(body + b"\n" for body in bodies))
        return file


async def run_ingest(
    *, folder: Path, seconds: float, rounds: int, connections: Sequence[int], json: bool, console: Console
) -> int:
    """Measures and prints; 1 where the store does not hold exactly what was acknowledged."""
    wrk = await Wrk.find()
    machine = Machine.here(folder, wrk)
    async with running(wrk, folder) as target:
        bench = Ingest(target, seconds=seconds, rounds=rounds)
        rows = await bench.rows(connections)
        queryable = await bench.queryable()
        stored = await target.count()
    report = Report(
        machine=machine,
        seconds=seconds,
        rounds=rounds,
        rows=rows,
        queryable=queryable,
        acknowledged=bench.acknowledged,
        unanswered=bench.unanswered,
        stored=stored,
        equal=stored == bench.acknowledged,
    )
    if json:
        print(as_json(report).decode())
    else:
        show(report, console)
    return 0 if report.equal else 1


def _row(
    what: str,
    ours: Sequence[Measured],
    *,
    events_per_request: int,
    connections: int,
    floor: tuple[str, float, Latency | None],
    floor_cpu_s: dict[str, float],
) -> Row:
    name, floor_rate, floor_latency = floor
    loads = [one.load for one in ours]
    events = [load.requests * events_per_request for load in loads]
    rate = _rate(events, [load.seconds for load in loads])
    stored = _rate(events, [one.stored_after_s for one in ours])
    spent = {process: sum(one.cpu_s[process] for one in ours) for process in ours[0].cpu_s}
    return Row(
        what=what,
        events_per_request=events_per_request,
        connections=connections,
        acknowledged=sum(events),
        per_second=rate,
        floor=name,
        floor_per_second=floor_rate,
        ratio=rate / floor_rate,
        stored_per_second=stored,
        stored_ratio=stored / floor_rate,
        latency=_latency(loads),
        floor_latency=floor_latency,
        refused=sum(load.refused for load in loads),
        broken=sum(load.broken for load in loads),
        cpu_s_per_million=per_million(spent, sum(events)),
        floor_cpu_s_per_million=floor_cpu_s,
    )


def _rate(amounts: Sequence[int], seconds: Sequence[float]) -> float:
    return sum(amounts) / sum(seconds)


def _latency(loads: Sequence[Load]) -> Latency:
    """Means of the rounds' percentiles."""
    return Latency(
        fmean(load.p50_ms for load in loads),
        fmean(load.p99_ms for load in loads),
        fmean(load.p999_ms for load in loads),
    )

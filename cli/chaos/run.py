"""`residency chaos`: from an empty folder to figures."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from rich.console import Console

from cli.audit import audit
from cli.chaos import disk as disks
from cli.chaos.answers import Asker
from cli.chaos.check import Findings, check_answers, check_store
from cli.chaos.ground import Ground, own_folder, own_mesh
from cli.chaos.guardian import Guardian
from cli.chaos.inject import Injector
from cli.chaos.journal import Journal
from cli.chaos.load import Load
from cli.chaos.report import Report, as_json, report, show
from cli.chaos.schedule import Schedule, plan
from cli.chaos.settle import Rest, settle
from cli.chaos.stored import stored
from cli.chaos.tally import Tally
from cli.meshfile import DemoFile
from cli.seed import make_demo
from cli.supervisor import StartFailed

READY_WITHIN_S, GRACE_S, PROGRESS_S = 60.0, 45.0, 5.0


async def run_chaos(
    *, minutes: float, seed: int, jetstream: bool, keep: bool, json: bool, console: Console
) -> int:
    """0 where every promise was kept and everything came back, else 1."""
    mounts = disks.own_mounts()
    with own_folder(keep=keep) as folder, Guardian(folder) as guardian:
        async with own_mesh(folder, seed=seed, mounts=mounts, jetstream=jetstream) as ground:
            run = await Run(ground, seed=seed, seconds=minutes * 60, guardian=guardian).report()
    if json:
        print(as_json(run))
    else:
        show(run, console)
    return 0 if run.good else 1


class Run:
    """One run. The first Ctrl-C ends the chaos, and what was acknowledged is still compared."""

    def __init__(self, ground: Ground, *, seed: int, seconds: float, guardian: Guardian) -> None:
        self._ground, self._mesh = ground, ground.mesh
        self._seed, self._seconds = seed, seconds
        self._journal, self._tally, self._found = Journal(), Tally(), Findings()
        self._injector = Injector(mesh=self._mesh, disk=ground.disk, guardian=guardian, tally=self._tally)
        self._stop, self._rest = asyncio.Event(), Rest()
        self._begun = time.monotonic()
        self._progress = Console(stderr=True)

    async def report(self) -> Report:
        """All of it, in order. Raises StartFailed."""
        self._stop_on_signal()
        schedule = plan(
            self._seed,
            seconds=self._seconds,
            regions=self._mesh.regions,
            small=self._ground.small,
            more=self._mesh.logs,
        )
        demo = await self._start(schedule)
        seconds = await self._chaos(schedule, demo)
        self._say("waiting until the mesh is at rest")
        self._rest = await settle(self._mesh)
        await self._ask(demo)
        judgement = await audit(self._mesh.file)
        self._say("stopping the mesh")
        await self._mesh.stop()
        await self._read(demo)
        return report(
            seed=self._seed,
            seconds=seconds,
            disk=self._ground.disk.kind,
            journal=self._journal,
            tally=self._tally,
            rest=self._rest,
            found=self._found,
            judgement=judgement,
            deaths=self._ground.deaths,
        )

    async def _start(self, schedule: Schedule) -> DemoFile:
        self._say("starting the mesh, and killing some of it while it starts")
        await asyncio.gather(self._mesh.start(), self._injector.disturb_start(schedule.starting))
        if not await self._mesh.all_ready(within_s=READY_WITHIN_S):
            raise StartFailed("the mesh was not ready a minute after the kills of its start")
        demo, _ = await make_demo(self._mesh.file, name="Chaos")
        return demo

    async def _chaos(self, schedule: Schedule, demo: DemoFile) -> float:
        """Load and everything that breaks it; the seconds it took."""
        load = Load(
            self._seed,
            self._journal,
            self._tally.heard,
            self._mesh.file.global_url,
            {region: where.rest_url for region, where in self._mesh.file.regions.items()},
            {project.region: project for project in demo.projects},
        )
        self._begun = time.monotonic()
        async with self._shown(), load.running(grace_s=GRACE_S):
            await self._injector.perform(schedule.acts, load, self._stop)
            left_s = self._begun + schedule.seconds - time.monotonic()
            if left_s > 0 and not self._stop.is_set():
                await asyncio.wait([asyncio.ensure_future(self._stop.wait())], timeout=left_s)
            return time.monotonic() - self._begun

    async def _ask(self, demo: DemoFile) -> None:
        self._say("asking the API for everything that is there")
        answers = []
        for project in demo.projects:
            asker = Asker(self._mesh.file.regions[project.region].rest_url, demo.orgs[0].owner)
            try:
                answers.append(await asker.everything(project))
            except httpx.HTTPError as error:
                self._rest.waiting.append(f"{project.region}: its API did not answer ({error!r})")
        check_answers(self._journal, answers, _pins(demo), self._found)

    async def _read(self, demo: DemoFile) -> None:
        self._say("reading the stores")
        stores = []
        for region, where in self._mesh.file.regions.items():
            stores.append(await stored(region, Path(where.data_dir) / "analytics", self._ground.folder))
        check_store(self._journal, stores, _pins(demo), self._found)

    def _stop_on_signal(self) -> None:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None

        def told() -> None:
            if self._stop.is_set():
                task.cancel()
            self._stop.set()
            self._say("ending early; what was acknowledged is still compared (Ctrl-C again: no more)")

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, told)

    def _say(self, line: str) -> None:
        self._progress.print(line, markup=False, highlight=False, soft_wrap=True)

    @asynccontextmanager
    async def _shown(self) -> AsyncIterator[None]:
        """A line of progress: one that changes on a terminal, else one every five seconds."""

        async def show() -> None:
            while True:
                await asyncio.sleep(PROGRESS_S)
                self._say(self._line())

        task = asyncio.create_task(show())
        try:
            yield
        finally:
            task.cancel()

    def _line(self) -> str:
        elapsed_s, kills = time.monotonic() - self._begun, len(self._tally.kills)
        faults = ", ".join(
            f"{fault.act.kind.value} in {region}" for region, fault in self._tally.active.items()
        )
        return (
            f"{elapsed_s:4.0f} of {self._seconds:.0f} s: {self._journal.acknowledged():,} acknowledged, "
            f"{kills} kills, {self._tally.stops.total()} stops" + (f"; now: {faults}" if faults else "")
        )


def _pins(demo: DemoFile) -> dict[str, str]:
    return {project.id: project.region for project in demo.projects}

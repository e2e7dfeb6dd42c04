"""Carries a schedule out: kills, stops, makes inserts fail, fills logs and disks. By pid, its own only."""

from __future__ import annotations

import asyncio
import signal
import time

from cli.chaos.disk import SmallDisk
from cli.chaos.faults import InsertFault
from cli.chaos.guardian import Guardian
from cli.chaos.load import Load
from cli.chaos.mesh import ChaosMesh
from cli.chaos.schedule import Act, Kind
from cli.chaos.signals import tell
from cli.chaos.tally import Fault, Kill, Tally

SERVED_WITHIN_S = 90.0
KILL_AT = 0.6
"""Where in a fault its kill comes: by then a log or a disk is full."""

HOLD_S, LIVENESS_S = 0.2, 1.0
_SWITCHED = {
    Kind.FAIL: InsertFault.FAIL,
    Kind.FAIL_LANDED: InsertFault.FAIL_LANDED,
    Kind.HANG: InsertFault.HANG,
    Kind.HANG_LANDED: InsertFault.HANG_LANDED,
    Kind.FULL_LOG: InsertFault.HANG,
}


class Injector:
    """One run's hand on the mesh."""

    def __init__(self, *, mesh: ChaosMesh, disk: SmallDisk, guardian: Guardian, tally: Tally) -> None:
        self._mesh, self._disk, self._guardian, self._tally = mesh, disk, guardian, tally
        self._begun = time.monotonic()
        self._measuring: set[asyncio.Task[None]] = set()

    async def disturb_start(self, acts: tuple[Act, ...]) -> None:
        """Kills processes that are being started for the first time."""
        await asyncio.gather(*(self._kill_first(act) for act in acts))

    async def perform(self, acts: tuple[Act, ...], load: Load, stop: asyncio.Event) -> None:
        """Each act at its time, until the last is over or `stop`. Leaves nothing stopped, failing or full."""
        self._begun = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for act in acts:
                group.create_task(self._in_time(act, load, stop))
        if self._measuring:
            await asyncio.wait(self._measuring)

    async def _in_time(self, act: Act, load: Load, stop: asyncio.Event) -> None:
        if await _passes(self._begun + act.at_s - time.monotonic(), unless=stop):
            return
        if act.kind is Kind.KILL:
            for name in act.targets:
                self._kill(name, load)
        elif act.kind is Kind.KILL_STARTING:
            await self._kill_twice(act, load, stop)
        elif act.kind is Kind.STOP:
            await self._stop(act, stop)
        else:
            await self._fault(act, load, stop)

    async def _kill_first(self, act: Act) -> None:
        (name,) = act.targets
        pid = await self._mesh.next_pid(name, other_than=0)
        await asyncio.sleep(act.at_s)
        if tell(pid, signal.SIGKILL):
            kill = Kill(name, 0.0)
            self._tally.kills.append(kill)
            await self._measure_ready(kill)

    def _kill(self, name: str, load: Load) -> int:
        """kill -9, and a look at how long it is felt. Answers the pid; 0 where there is none."""
        pid = self._mesh.pid(name)
        if tell(pid, signal.SIGKILL):
            kill = Kill(name, round(time.monotonic() - self._begun, 3))
            self._tally.kills.append(kill)
            task = asyncio.create_task(self._measure(kill, load))
            self._measuring.add(task)
            task.add_done_callback(self._measuring.discard)
        return pid

    async def _kill_twice(self, act: Act, load: Load, stop: asyncio.Event) -> None:
        (name,) = act.targets
        pid = self._kill(name, load)
        await self._mesh.next_pid(name, other_than=pid)
        if not await _passes(act.lasts_s, unless=stop):
            self._kill(name, load)

    async def _measure(self, kill: Kill, load: Load) -> None:
        """Seconds until an event is acknowledged again; of the registry, which takes none, until ready."""
        role, _, region = kill.name.partition("-")
        if role == "registry":
            await self._measure_ready(kill)
            return
        if region:
            kill.served_s = await load.served(region, within_s=SERVED_WITHIN_S)
        else:
            kill.served_s = await load.served_by_edge(within_s=SERVED_WITHIN_S)

    async def _measure_ready(self, kill: Kill) -> None:
        begun = time.monotonic()
        if await self._mesh.becomes_ready(kill.name, within_s=SERVED_WITHIN_S):
            kill.served_s = time.monotonic() - begun

    async def _stop(self, act: Act, stop: asyncio.Event) -> None:
        (name,) = act.targets
        pid = self._mesh.pid(name)
        self._guardian.stopped(pid)
        try:
            if tell(pid, signal.SIGSTOP):
                self._tally.stops[name.partition("-")[0]] += 1
                await _passes(act.lasts_s, unless=stop)
        finally:
            tell(pid, signal.SIGCONT)
            self._guardian.resumed(pid)

    async def _fault(self, act: Act, load: Load, stop: asyncio.Event) -> None:
        """The fault for its time, its end, and how long it takes until an event is acknowledged again."""
        (cell,) = act.targets
        region = cell.partition("-")[2]
        fault = self._tally.active[region] = Fault(act, region)
        self._tally.faults.append(fault)
        try:
            await self._hold(fault, load, stop)
        finally:
            self._tally.active.pop(
                region, None
            )  # the next one may have begun: a slow machine is behind its schedule
        fault.served_s = await load.served(region, within_s=SERVED_WITHIN_S)

    async def _hold(self, fault: Fault, load: Load, stop: asyncio.Event) -> None:
        act, region = fault.act, fault.region
        over = asyncio.Event()
        holding = [asyncio.create_task(self._kill_within(act, load, over))] if act.with_kill else []
        if act.kind in (Kind.FULL_LOG, Kind.FULL_DISK):
            holding.append(asyncio.create_task(load.flood(region, over)))
        try:
            if act.kind is Kind.FULL_DISK:
                await self._full_disk(fault, stop)
            else:
                await self._switched(fault, stop)
        finally:
            over.set()
            await asyncio.gather(*holding)

    async def _kill_within(self, act: Act, load: Load, over: asyncio.Event) -> None:
        if not await _passes(act.lasts_s * KILL_AT, unless=over):
            self._kill(act.targets[0], load)

    async def _switched(self, fault: Fault, stop: asyncio.Event) -> None:
        switch, chosen = self._mesh.switches[fault.region], _SWITCHED[fault.act.kind]
        before = switch.felt()[chosen]
        switch.set(chosen)
        try:
            await self._watch(fault, stop)
        finally:
            switch.set(InsertFault.NONE)
        if fault.act.kind is not Kind.FULL_LOG:
            fault.felt = switch.felt()[chosen] - before

    async def _watch(self, fault: Fault, stop: asyncio.Event) -> None:
        """Waits for the fault's end; of a log that is to be full, counts what it refuses meanwhile."""
        ends = time.monotonic() + fault.act.lasts_s
        counted = await self._mesh.refused(fault.region)
        while time.monotonic() < ends and not await _passes(HOLD_S, unless=stop):
            if fault.act.kind is Kind.FULL_LOG:
                now = await self._mesh.refused(fault.region)
                fault.felt += now - counted if now >= counted else now  # a new process counts from 0
                counted = now

    async def _full_disk(self, fault: Fault, stop: asyncio.Event) -> None:
        ends = time.monotonic() + fault.act.lasts_s
        try:
            while time.monotonic() < ends:
                await asyncio.to_thread(self._disk.fill)
                fault.felt = 1
                if await _passes(HOLD_S, unless=stop):
                    break
        finally:
            self._disk.free()
            await self._revive_log(fault.region)

    async def _revive_log(self, region: str) -> None:
        """NATS does not come back from a full disk by itself, and says so: a liveness check restarts it."""
        name = f"nats-{region}"
        if name in self._mesh.logs and not await self._mesh.becomes_ready(name, within_s=LIVENESS_S):
            tell(self._mesh.pid(name), signal.SIGTERM)


async def _passes(seconds: float, *, unless: asyncio.Event) -> bool:
    """Waits; True if it was told to stop meanwhile."""
    if seconds <= 0:
        return unless.is_set()
    try:
        await asyncio.wait_for(unless.wait(), seconds)
    except TimeoutError:
        return False
    return True

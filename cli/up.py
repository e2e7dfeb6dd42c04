"""`residency up`: the whole mesh on one machine, watched until it is told to stop."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

from cli.meshfile import NAME, MeshFile, read_mesh, write_private
from cli.supervisor import Command, Supervised
from cli.topology import Topology
from mesh.certificates import ensure_pki
from storage.postgres import create_databases

READY_TIMEOUT_S = 60.0
Say = Callable[[str], None]


class AlreadyRunning(Exception):
    """A mesh runs on this data directory."""


class LocalMesh:
    """Every process of a mesh on this machine. `say` is told what a person should know."""

    def __init__(self, topology: Topology, say: Say) -> None:
        self.topology = topology
        self.file: MeshFile = topology.mesh_file()
        self._say = say
        self._running: list[Supervised] = []
        self._up = False

    async def start(self, ready_within_s: float = READY_TIMEOUT_S) -> float:
        """Starts level by level, each gated on health; answers the seconds it took. Raises StartFailed."""
        begun = time.monotonic()
        if read_mesh(self.topology.data_dir) is not None:
            raise AlreadyRunning(
                f"a mesh runs on {self.topology.data_dir} already: stop it, or use --data-dir"
            )
        self._prepare()
        await create_databases(self.topology.databases)
        self.file.pids["up"] = os.getpid()
        for level in self.topology.levels():
            started = [self._supervised(command) for command in level]
            self._running += started
            await asyncio.gather(*(process.start(ready_within_s) for process in started))
        self._up = True
        self._write()
        return time.monotonic() - begun

    async def stop(self) -> None:
        """Stops in reverse order of starting, and takes mesh.json away."""
        self._up = False
        for level in reversed(_levels(self._running)):
            await asyncio.gather(*(process.stop() for process in level))
        (self.topology.data_dir / NAME).unlink(missing_ok=True)

    def _prepare(self) -> None:
        self.topology.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        ensure_pki(self.topology.pki_dir, [plan.region.id for plan in self.topology.regions])
        key = self.topology.hint_key
        if not key.exists():
            descriptor = os.open(key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(secrets.token_bytes(32))

    def _supervised(self, command: Command) -> Supervised:
        return Supervised(command, self._changed)

    def _changed(self, process: Supervised, what: str) -> None:
        if self._up:
            self._say(f"{process.command.name} {what} (pid {process.pid or '-'}); log: {process.command.log}")
        name = process.command.name
        if name.startswith(("rest-", "cell-")):
            role, _, region = name.partition("-")
            self.file.regions[region].pids[role] = process.pid
        else:
            self.file.pids[name] = process.pid
        if self._up:
            self._write()

    def _write(self) -> None:
        write_private(self.topology.data_dir / NAME, self.file)


async def until_stopped() -> None:
    """Returns on SIGINT or SIGTERM."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    await stopped.wait()


def remove_data(data_dir: Path) -> None:
    """Deletes a data directory. Raises AlreadyRunning, and ValueError for a folder that isn't one."""
    if read_mesh(data_dir) is not None:
        raise AlreadyRunning(f"a mesh runs on {data_dir}: stop it before --fresh")
    if data_dir.exists() and any(data_dir.iterdir()) and not (data_dir / "pki").is_dir():
        raise ValueError(f"{data_dir} holds something else than a mesh: --fresh does not delete it")
    shutil.rmtree(data_dir, ignore_errors=True)


def _levels(running: list[Supervised]) -> list[list[Supervised]]:
    order = {"nats": 0, "registry": 0, "cell": 1, "router": 1, "rest": 2, "edge": 3}
    levels: list[list[Supervised]] = [[], [], [], []]
    for process in running:
        levels[order[process.command.name.partition("-")[0]]].append(process)
    return levels

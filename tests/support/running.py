"""A whole mesh in one test: `residency up` as a real process, found again through what it writes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from cli.meshfile import DemoFile, DemoProject, MeshFile, read_demo, read_mesh

START_DEADLINE_S = 150.0
STOP_DEADLINE_S = 60.0
WAIT_DEADLINE_S = 30.0


@dataclass(slots=True)
class RunningMesh:
    """A mesh that runs. `scratch` is its working directory and its TMPDIR: nothing may land there."""

    data_dir: Path
    scratch: Path
    file: MeshFile
    demo: DemoFile
    up: subprocess.Popen[str]

    @property
    def pki_dir(self) -> Path:
        """Certificates and keys of this mesh."""
        return self.data_dir / "pki"

    def project(self, region: str) -> DemoProject:
        """The demonstration's project that is pinned to a region."""
        return next(project for project in self.demo.projects if project.region == region)

    def reread(self) -> MeshFile:
        """mesh.json as it is now: pids change when a process is restarted."""
        found = read_mesh(self.data_dir)
        assert found is not None, "the mesh is gone"
        self.file = found
        return found

    def processes(self) -> list[psutil.Process]:
        """`residency up` and everything below it."""
        top = psutil.Process(self.up.pid)
        return [top, *top.children(recursive=True)]

    def stop(self) -> None:
        """SIGTERM by pid; fails where a process, or mesh.json, is left. Once stopped, does nothing."""
        if self.up.poll() is not None:
            return
        family = self.processes()
        self.up.terminate()
        _, left = psutil.wait_procs(family, timeout=STOP_DEADLINE_S)
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        assert not left, f"left behind: {left}"
        assert self.up.wait() == 0, (self.data_dir.parent / "stderr").read_text()
        assert read_mesh(self.data_dir) is None and not (self.data_dir / "mesh.json").exists()


@contextlib.contextmanager
def fresh_mesh(folder: Path, *options: str) -> Iterator[RunningMesh]:
    """A mesh of the test's own, on free ports, without a rate limit, below `folder`.

    More options go to `residency up`.
    """
    scratch = folder / "scratch"
    scratch.mkdir(parents=True, exist_ok=True)
    command = (sys.executable, "-m", "cli.main", "up", "--data-dir", str(folder / "data"), "--free-ports")
    with (folder / "stderr").open("w") as errors:
        up = subprocess.Popen(
            [*command, "-o", "json", "--rate-limit", "0", *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd=scratch,
            env={**os.environ, "TMPDIR": str(scratch)},
        )
    try:
        line = _first_line(up)
        assert line, f"`residency up` did not start:\n{(folder / 'stderr').read_text()}"
        mesh = _parsed(folder, up, json.loads(line))
        yield mesh
        mesh.stop()
    finally:
        _kill(up)


async def until(condition: Callable[[], Awaitable[bool]], what: str) -> None:
    """Waits for a condition of a running mesh, with a deadline."""
    deadline = time.monotonic() + WAIT_DEADLINE_S
    while not await condition():
        assert time.monotonic() < deadline, f"not in time: {what}"
        await asyncio.sleep(0.05)


def _first_line(up: subprocess.Popen[str]) -> str:
    assert up.stdout is not None
    ready, _, _ = select.select([up.stdout], [], [], START_DEADLINE_S)
    return up.stdout.readline() if ready else ""


def _parsed(folder: Path, up: subprocess.Popen[str], said: dict[str, Any]) -> RunningMesh:
    data_dir = folder / "data"
    file, demo = read_mesh(data_dir), read_demo(data_dir)
    assert file is not None and demo is not None, "mesh.json and demo.json are there once the mesh says it is"
    assert file.pids["up"] == up.pid and said["mesh"]["global_url"] == file.global_url
    return RunningMesh(data_dir, folder / "scratch", file, demo, up)


def _kill(up: subprocess.Popen[str]) -> None:
    """What a failed test left: each process by its own pid."""
    if up.poll() is None:
        top = psutil.Process(up.pid)
        for process in [top, *top.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
    up.wait()
    if up.stdout is not None:
        up.stdout.close()

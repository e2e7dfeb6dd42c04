"""`residency chaos` itself: a short run from a seed, and what is left of one that is ended."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from cli.chaos.schedule import FAULTS, INSERT_FAULTS, Kind, plan
from mesh.regions import DEFAULT_CATALOGUE

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

SEED, SECONDS = 3, 48
ROLES = ("cell", "rest", "registry", "router", "edge")
DEADLINE_S = 120.0


@contextlib.contextmanager
def chaos(folder: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """The command as a process, with its temporary files and its progress below `folder`."""
    with (folder / "progress").open("w") as progress:
        run = subprocess.Popen(
            (sys.executable, "-m", "cli.main", "chaos", "--seed", str(SEED), "--json", *options),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=progress,
            text=True,
            env={**os.environ, "TMPDIR": str(folder)},
        )
    try:
        yield run
    finally:
        run.kill()
        run.wait()
        wait_until_gone(folder)


def said(folder: Path) -> str:
    return (folder / "progress").read_text()


def in_use(folder: Path) -> list[psutil.Process]:
    """Processes that were started with a file of the folder: all of a mesh, and its guardian."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if any(str(folder) in word for word in process.cmdline()):
                found.append(process)
    return found


def wait_until_gone(folder: Path) -> None:
    """Nothing runs, nothing is mounted, nothing lies there any more but the progress."""
    deadline = time.monotonic() + DEADLINE_S
    while left := in_use(folder) or [path for path in folder.iterdir() if path.name != "progress"]:
        assert time.monotonic() < deadline, f"left behind: {left}\n{said(folder)}"
        time.sleep(0.1)
    assert str(folder) not in Path("/proc/self/mounts").read_text()


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not pytest's, whose own files would be taken for what a run has left."""
    with tempfile.TemporaryDirectory(prefix="chaos-test-") as made:
        yield Path(made)


def test_a_minute_of_chaos_loses_doubles_halves_alters_and_misplaces_nothing(folder: Path) -> None:
    with chaos(folder, "--minutes", str(SECONDS / 60)) as run:
        output, _ = run.communicate(timeout=300)
    report: dict[str, Any] = json.loads(output)
    wrong = ("lost", "doubled", "half_batches", "altered", "out_of_place", "out_of_order", "dead_letters")
    assert {name: report[name] for name in wrong} == dict.fromkeys(wrong, 0), report
    assert report["troubles"] == [] and report["wrong"] == {} and run.returncode == 0, report
    assert report["audit"] != "VIOLATED"
    assert report["stored"] >= report["acknowledged"] > 2_000
    _really_happened(report)


def _really_happened(report: dict[str, Any]) -> None:
    """A run that broke nothing would have proven nothing."""
    regions = [region.id for region in DEFAULT_CATALOGUE]
    acts = plan(SEED, seconds=SECONDS, regions=regions, small=regions[-1]).acts
    faults = {fault["kind"]: fault for fault in report["faults"]}
    for kind in FAULTS:
        assert faults[kind.value]["injected"] == sum(act.kind is kind for act in acts) > 0
    kills = {row["role"]: row for row in report["kills_by_role"]}
    assert all(kills[role]["kills"] >= 1 for role in ROLES), kills
    assert all(kills[role]["kills"] == kills[role]["survived"] for role in ROLES), kills
    assert report["kills"] >= 10 and sum(report["stops"].values()) >= 3
    failed, hung = (
        sum(faults[kind.value]["felt"] for kind in INSERT_FAULTS if word in kind.value)
        for word in ("fails", "hangs")
    )
    assert failed > 0 and hung > 0, faults
    for kind in (Kind.FULL_LOG, Kind.FULL_DISK):
        fault = faults[kind.value]
        assert fault["felt"] > 0 and fault["unavailable"] > 0, fault
        assert fault["recovered"] == fault["injected"], fault


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_is_ended_leaves_nothing_and_ctrl_c_still_compares(folder: Path, number: int) -> None:
    with chaos(folder, "--minutes", "5") as run:
        deadline = time.monotonic() + DEADLINE_S
        while " of 300 s: " not in said(folder):
            assert run.poll() is None and time.monotonic() < deadline, said(folder)
            time.sleep(0.1)
        assert in_use(folder)
        run.send_signal(number)
        output, _ = run.communicate(timeout=DEADLINE_S)
        wait_until_gone(folder)
    if number == signal.SIGKILL:
        return
    report = json.loads(output)
    assert run.returncode == 0 and report["wrong"] == {}, report
    assert report["seconds"] < 120 and report["stored"] >= report["acknowledged"] > 0

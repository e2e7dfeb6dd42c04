"""What must not outlive the harness, whatever ends it: stopped processes, and its folder.

A small process beside it, on a pipe. The end of the pipe without a goodbye means that the harness is gone:
then what it had stopped is resumed (its supervisor's SIGTERM does not reach a stopped process), and once the
mesh has ended what is mounted in its folder is unmounted, and the folder deleted.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import psutil

from cli.chaos.disk import unmount_below
from cli.chaos.faults import SWITCHES

ENDING_S, POLL_S = 60.0, 0.2


class Guardian:
    """The harness's side. `folder` is deleted if the harness dies."""

    def __init__(self, folder: Path) -> None:
        command = (sys.executable, "-m", "cli.chaos.guardian", str(folder))
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, text=True, start_new_session=True)

    def __enter__(self) -> Guardian:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate("goodbye\n")

    def stopped(self, pid: int) -> None:
        """About to be stopped."""
        self._say(f"stopped {pid}")

    def resumed(self, pid: int) -> None:
        """Goes on, or has ended."""
        self._say(f"resumed {pid}")

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()


def guard(folder: Path) -> None:
    """The guardian's side: reads until the pipe ends."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    stopped: set[int] = set()
    for line in sys.stdin:
        word, _, pid = line.strip().partition(" ")
        if word == "goodbye":
            return
        (stopped.add if word == "stopped" else stopped.discard)(int(pid))
    for pid in stopped:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
    shutil.rmtree(folder / SWITCHES, ignore_errors=True)  # what hangs by a switch goes on without it
    deadline = time.monotonic() + ENDING_S
    while _in_use(folder) and time.monotonic() < deadline:
        time.sleep(POLL_S)
    unmount_below(folder)
    shutil.rmtree(folder, ignore_errors=True)


def _in_use(folder: Path) -> bool:
    """Whether a process of the mesh still runs: each was told a file of the folder when it was started."""
    for process in psutil.process_iter(["pid", "cmdline"]):
        words = process.info["cmdline"] or ()
        if process.info["pid"] != os.getpid() and any(str(folder) in word for word in words):
            return True
    return False


if __name__ == "__main__":
    guard(Path(sys.argv[1]))

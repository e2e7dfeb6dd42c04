"""What processes ask of the kernel, in order, as `strace` sees it.

One trace may hold several processes. Its order is causal: a call's return is written down before the caller
goes on, so whatever the caller does next, and whoever it tells, comes later in the file.
"""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

DURABILITY = (
    "fsync,fdatasync,msync,sync_file_range,openat,rename,renameat,renameat2,"
    "write,pwrite64,writev,pwritev,pwritev2,sendto,sendmsg"
)
"""The calls that put bytes on a disk or on a wire."""

_OPTIONS = ("-f", "-y", "-s", "65536", "-e", "signal=none")
_LINE = re.compile(r"(?P<pid>\d+) +(?P<rest>.*)")
_RESUMED = re.compile(r"<\.\.\. \w+ resumed>(?P<rest>.*)")
_CALL = re.compile(r"(?P<name>\w+)\((?P<arguments>.*)\) += (?P<result>.*)", re.DOTALL)
_ENTERED = re.compile(r"(?P<name>\w+)\((?P<arguments>.*)", re.DOTALL)
_DESCRIPTOR = re.compile(r"(\d+<[^>]*>)")
_UNFINISHED = " <unfinished ...>"
_DEADLINE_S = 30.0


@dataclass(frozen=True, slots=True)
class Call:
    """A system call. `began` and `ended` are lines of the trace; `ended` is None where it never returned."""

    pid: int
    name: str
    arguments: str
    result: str
    began: int
    ended: int | None

    @property
    def descriptor(self) -> str:
        """Its first argument as `7</path/of/the/file>`; empty where that is no open file."""
        found = _DESCRIPTOR.match(self.arguments)
        return found[1] if found else ""

    @property
    def path(self) -> str:
        """The file behind the descriptor."""
        return self.descriptor.partition("<")[2].removesuffix(">")

    @property
    def succeeded(self) -> bool:
        """Whether it returned, and not with an error."""
        return self.ended is not None and not self.result.startswith("-1")

    def before(self, later: Call) -> bool:
        """Whether it had returned when `later` was begun."""
        return self.ended is not None and self.ended < later.began


def read_trace(path: Path) -> list[Call]:
    """Every call of a trace in the order of their beginnings, halves of an interrupted line put together."""
    calls: list[Call] = []
    open_: dict[int, tuple[str, int]] = {}
    for number, line in enumerate(path.read_text(errors="replace").splitlines()):
        found = _LINE.fullmatch(line)
        if found is None:
            continue
        pid, text, began = int(found["pid"]), found["rest"], number
        if text.endswith(_UNFINISHED):
            open_[pid] = (text.removesuffix(_UNFINISHED), number)
            continue
        if resumed := _RESUMED.fullmatch(text):
            entered, began = open_.pop(pid)
            text = entered + resumed["rest"]
        if whole := _CALL.fullmatch(text):
            ended = None if whole["result"].startswith("?") else number  # "?": killed in it
            calls.append(Call(pid, whole["name"], whole["arguments"], whole["result"], began, ended))
        elif entered := _ENTERED.fullmatch(text):
            open_[pid] = (text, number)  # cut off by a kill
    for pid, (text, began) in open_.items():
        if entered := _ENTERED.fullmatch(text):
            calls.append(Call(pid, entered["name"], entered["arguments"], "?", began, None))
    return sorted(calls, key=lambda call: call.began)


def run_traced(
    trace: Path, command: Sequence[str], *options: str, calls: str = DURABILITY
) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end, all its threads traced into a file. More options go to strace."""
    strace = ("strace", *_OPTIONS, "-e", f"trace={calls}", "-o", str(trace), *options)
    return subprocess.run([*strace, *command], capture_output=True, text=True, timeout=90, check=False)


@contextmanager
def attached(trace: Path, pids: Sequence[int], *, calls: str = DURABILITY) -> Iterator[None]:
    """Traces running processes while the block runs; they go on afterwards."""
    whom = [option for pid in pids for option in ("-p", str(pid))]
    strace = subprocess.Popen(
        ("strace", *_OPTIONS, "-e", f"trace={calls}", "-o", str(trace), *whom),
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        _wait_until_all_threads_are_traced(strace, pids)
        yield
    finally:
        strace.terminate()  # it lets go of what it traces
        strace.communicate(timeout=_DEADLINE_S)


def _wait_until_all_threads_are_traced(strace: subprocess.Popen[str], pids: Sequence[int]) -> None:
    deadline = time.monotonic() + _DEADLINE_S
    statuses = [status for pid in pids for status in Path(f"/proc/{pid}/task").glob("*/status")]
    while not all(f"TracerPid:\t{strace.pid}\n" in status.read_text() for status in statuses):
        assert strace.poll() is None, strace.stderr and strace.stderr.read()
        assert time.monotonic() < deadline, "strace did not attach"
        time.sleep(0.01)

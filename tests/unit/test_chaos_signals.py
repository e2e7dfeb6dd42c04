"""`residency chaos` signals what it has started, and nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from cli.chaos.signals import tell

WAITS = "import sys; print('here', flush=True); sys.stdin.read()"
PARENT = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {WAITS!r}], stdin=0)
print(child.pid, flush=True)
child.wait()
"""


def started(code: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        (sys.executable, "-c", code), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def test_a_child_is_killed_and_one_that_has_ended_is_not_there() -> None:
    with started(WAITS) as child:
        assert child.stdout is not None and child.stdout.readline()
        assert tell(child.pid, signal.SIGKILL)
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert not tell(child.pid, signal.SIGKILL), "a zombie: it has ended"
        assert child.wait() == -signal.SIGKILL
        assert not tell(child.pid, signal.SIGKILL)


def test_neither_this_process_nor_its_parent_nor_a_childs_child_is_touched() -> None:
    assert not any(tell(pid, signal.SIGKILL) for pid in (0, 1, os.getpid(), os.getppid()))
    with started(PARENT) as child:
        assert child.stdout is not None and child.stdin is not None
        grandchild = int(next(line for line in child.stdout if line.strip().isdecimal()))
        assert not tell(grandchild, signal.SIGKILL)
        os.kill(grandchild, 0)
        child.stdin.close()
        assert child.wait() == 0

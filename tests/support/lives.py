"""Lives of a child that is killed: forked from a process that has imported what it needs, and opened nothing.

Python and its imports take 1.2 s of CPU, more than most lives; a test of kills has a hundred of them. The
server they are forked from has no engine, no log, no thread, and not even chDB: who is forked after its
import hangs (measured).
"""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

LIVES = get_context("forkserver")
LIVES.set_forkserver_preload(
    ["services.ingest.writer", "services.ingest.erasing", "clickhouse_connect.driver", "tests.support.logs"]
)
DEADLINE_S = 60


@dataclass(frozen=True, slots=True)
class Ended:
    """How a life ended, and what it said."""

    returncode: int | None
    said: str


def lived(script: Path, arguments: Sequence[str], said: Path) -> Ended:
    """Runs a script as `python script arguments…` would, to its end. What it says is kept in a file."""
    life = LIVES.Process(target=_live, args=(str(script), list(arguments), dict(os.environ), str(said)))
    life.start()
    life.join(DEADLINE_S)
    if life.is_alive():
        life.kill()
        life.join()
        raise AssertionError(f"it lives after {DEADLINE_S} s: {said.read_text()}")
    return Ended(life.exitcode, said.read_text())


def _live(script: str, arguments: list[str], environment: dict[str, str], said: str) -> None:
    os.environ.clear()
    os.environ.update(environment)
    out = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for descriptor in (1, 2):
        os.dup2(out, descriptor)
    sys.argv = [script, *arguments]
    runpy.run_path(script, run_name="__main__")

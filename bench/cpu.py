"""CPU time of processes, as the kernel counts it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import psutil


@contextmanager
def cpu_of(pids: Mapping[str, int]) -> Iterator[dict[str, float]]:
    """Fills what it gives with the CPU seconds that each process used while the context was open."""
    processes = {name: psutil.Process(pid) for name, pid in pids.items()}
    before = {name: _used_s(process) for name, process in processes.items()}
    used: dict[str, float] = {}
    yield used
    used.update({name: _used_s(process) - before[name] for name, process in processes.items()})


def per_million(cpu_s: Mapping[str, float], events: int) -> dict[str, float]:
    """CPU seconds for a million events."""
    return {name: seconds * 1e6 / max(events, 1) for name, seconds in cpu_s.items()}


def _used_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)

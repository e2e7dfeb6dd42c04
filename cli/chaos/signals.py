"""Signals to processes that this one has started, and to no other."""

from __future__ import annotations

import os
import signal

import psutil


def tell(pid: int, number: signal.Signals) -> bool:
    """Signals a child of this process; False, and nothing done, for any other and for one that ended."""
    try:
        process = psutil.Process(pid)
        if process.ppid() != os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
            return False
        os.kill(pid, number)
    except (psutil.NoSuchProcess, ProcessLookupError):
        return False
    return True

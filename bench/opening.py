"""The floor of starts: `python -m bench.opening FOLDER` imports and opens the engine alone, when asked."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import msgspec


class Opened(msgspec.Struct, frozen=True):
    """From before the engine's first import until its tables are there; CPU since the process began."""

    seconds: float
    cpu_s: float


def opened(folder: Path) -> Opened:
    """Opens the store in a folder as a cell does, and closes it again."""
    begun_s = time.monotonic()
    from cli.cell import CellConfig
    from mesh.regions import DEFAULT_REGION
    from storage.analytics.engine import Engine

    memory_bytes = CellConfig().analytics_memory_bytes
    engine = Engine.embedded(folder, region=DEFAULT_REGION, max_memory_bytes=memory_bytes)
    found = Opened(time.monotonic() - begun_s, time.process_time())
    engine.close()
    return found


if __name__ == "__main__":
    for _ in sys.stdin:
        print(msgspec.json.encode(opened(Path(sys.argv[1]))).decode(), flush=True)

"""One region's cell in a process of its own, that kills itself at a step of a reassignment when told to.

    python -m tests.support.mortal_cell PKI FOLDER REGION PORT [RECORDS_URL]

Says `port <n>` when it serves. FOLDER/registry holds the registry's port once there is one; a step that is in
FOLDER/die is its last: kill -9, as soon as that step is on disk.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from services.org.config import OrgConfig
from tests.support.cells import RunningCell, RunningRegistry


@dataclass
class RegistryElsewhere:
    """The port of a registry in another process."""

    folder: Path

    @property
    def port(self) -> int:
        path = self.folder / "registry"
        return int(path.read_text()) if path.exists() else 0


def die(folder: Path) -> object:
    """Ends this process at the step that is asked for, once."""

    def reached(step: str) -> None:
        wish = folder / "die"
        if wish.exists() and wish.read_text() == step:
            wish.unlink()
            os.kill(os.getpid(), signal.SIGKILL)

    return reached


async def serve(pki: Path, folder: Path, region: str, port: int, records_url: str = "") -> None:
    registry = cast("RunningRegistry", RegistryElsewhere(folder))
    config = OrgConfig(assign_patience_s=120.0)
    cell = RunningCell(pki, folder, region, registry, config, port=port, records_url=records_url)
    cell.reached = die(folder)  # type: ignore[assignment]
    await cell.start()
    sys.stdout.write(f"port {cell.port}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    place, own, name, number, *url = sys.argv[1:]
    logging.basicConfig(filename=Path(own) / "log", level=logging.INFO)
    asyncio.run(serve(Path(place), Path(own), name, int(number), *url))

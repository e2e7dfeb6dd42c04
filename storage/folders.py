"""Makes new names in folders durable: a synced file can still be lost with its name."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path


def sync_folders(folders: Iterable[Path]) -> None:
    """Every name in these folders is on disk when it returns. Raises OSError."""
    for folder in folders:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

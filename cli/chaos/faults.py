"""What the inserts of one cell are to do: a word in a file, that the harness writes and the cell reads.

The file is outside of the region's folder, whose disk may be full. What the cell did is a line in a file
beside it, so that a report can tell a fault that was injected from one that was felt.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable
from enum import Enum
from pathlib import Path

from storage.analytics.errors import StoreUnavailable

POLL_S = 0.02
SWITCHES = "switches"
"""The folder of these files, below the harness's own."""


class InsertFault(Enum):
    """What happens to an insert into ClickHouse."""

    NONE = "none"
    FAIL = "fail"
    FAIL_LANDED = "fail-landed"
    HANG = "hang"
    HANG_LANDED = "hang-landed"


class Switch:
    """The fault that holds for one cell."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._felt = file.with_suffix(".felt")

    def set(self, fault: InsertFault) -> None:
        """From now on, until it is set again. Whole at every moment, as the cell may look meanwhile."""
        written = self.file.with_suffix(".new")
        written.write_text(fault.value)
        written.replace(self.file)

    def get(self) -> InsertFault:
        """The fault that holds."""
        return InsertFault(self.file.read_text())

    def felt(self) -> Counter[InsertFault]:
        """How many inserts each fault has met."""
        lines = self._felt.read_text().split() if self._felt.exists() else []
        return Counter(InsertFault(line) for line in lines)

    def around(self, insert: Callable[[], None]) -> None:
        """Runs an insert under the fault. Raises StoreUnavailable, as a store that is away does."""
        fault = self.get()
        if fault is not InsertFault.NONE:
            self._note(fault)
        if fault is InsertFault.FAIL:
            raise StoreUnavailable("NETWORK_ERROR")
        if fault is InsertFault.HANG:
            self._hang(fault)
        insert()
        if fault is InsertFault.HANG_LANDED:
            self._hang(fault)
        if fault is InsertFault.FAIL_LANDED:
            raise StoreUnavailable("SOCKET_TIMEOUT")

    def _hang(self, fault: InsertFault) -> None:
        while self.get() is fault:
            time.sleep(POLL_S)

    def _note(self, fault: InsertFault) -> None:
        descriptor = os.open(self._felt, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, f"{fault.value}\n".encode())
        finally:
            os.close(descriptor)

"""A cell whose inserts can be made to fail: `python -m cli.chaos.cell SWITCH MERGES serve …`.

MERGES is `merges` or `no-merges`. A row that a writer stores twice has the same key both times, and the next
merge makes one of them: where merges are off, a second one is still there to be counted.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cli.chaos.faults import Switch
from cli.main import main
from storage.analytics.engine import Engine
from storage.analytics.handles import WriterHandle


def wrap_inserts(switch: Switch) -> None:
    """Every insert of this process goes through the switch."""
    real = WriterHandle.insert

    def insert(
        self: WriterHandle,
        table: str,
        lines: bytes,
        settings: Mapping[str, Any] | None = None,
        *,
        query_id: str = "",
    ) -> None:
        switch.around(lambda: real(self, table, lines, settings, query_id=query_id))

    WriterHandle.insert = insert  # type: ignore[method-assign]


def stop_merges() -> None:
    """The engine of this process merges nothing."""
    real = Engine.__init__

    def opened(self: Engine, **arguments: Any) -> None:
        real(self, **arguments)
        self.writer().command("SYSTEM STOP MERGES")

    Engine.__init__ = opened  # type: ignore[method-assign]


if __name__ == "__main__":
    switch_file, merges, *arguments = sys.argv[1:]
    wrap_inserts(Switch(Path(switch_file)))
    if merges == "no-merges":
        stop_merges()
    main(args=arguments)

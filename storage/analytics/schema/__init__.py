"""Schema changes of the analytics store: numbered .sql files, applied in order, each once.

A kill between a change and its record repeats the change, so every statement can be repeated (IF NOT EXISTS).
A statement ends with ";" at the end of a line. `${durable}` stands for the settings that sync an insert.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from string import Template
from typing import Any, Final, Protocol

from storage.analytics.errors import StoreRefused

DURABLE: Final = (
    "fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, "
    "min_compressed_bytes_to_fsync_after_merge = 1, old_parts_lifetime = 480"
)
"""Off by default in chDB, where an unsynced merge deletes the synced parts at once."""

_BASE: Final = (
    "CREATE TABLE IF NOT EXISTS schema_version (version UInt32, name String, applied_at DateTime64(3, 'UTC') "
    "DEFAULT now64(3)) ENGINE = ReplacingMergeTree ORDER BY version SETTINGS ${durable}",
    "CREATE TABLE IF NOT EXISTS store_region (region String) ENGINE = MergeTree ORDER BY region "
    "SETTINGS ${durable}",
)


class Session(Protocol):
    """What a schema change needs of a handle."""

    def command(self, sql: str, parameters: dict[str, Any] | None = None) -> None:
        """Runs a statement without an answer."""

    def query_rows(self, sql: str, parameters: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Runs a query."""


def apply(session: Session, region: str, *, require_room: Callable[[], None] = lambda: None) -> int:
    """Brings the store up to date and answers its version. Raises StoreRefused for another region's store.

    `require_room` raises where the disk is nearly full: the engine may swallow that it could not write the
    definition of a table, and a store with an empty one never opens again (chDB 26.9, measured).
    """
    for statement in _BASE:
        session.command(Template(statement).substitute(durable=DURABLE))
    _claim(session, region)
    done = {row[0] for row in session.query_rows("SELECT version FROM schema_version")}
    for path in sorted(Path(__file__).parent.glob("[0-9]*.sql")):
        version = int(path.stem.split("_")[0])
        if version not in done:
            require_room()
            for statement in Template(path.read_text()).substitute(durable=DURABLE).split(";\n"):
                if statement.strip():
                    session.command(statement)
            session.command(
                "INSERT INTO schema_version (version, name) VALUES ({version:UInt32}, {name:String})",
                {"version": version, "name": path.stem},
            )
            done.add(version)
    return int(max(done))


def _claim(session: Session, region: str) -> None:
    """A store belongs to the region that first opened it, for ever."""
    owners = {row[0] for row in session.query_rows("SELECT region FROM store_region")}
    if not owners:
        session.command("INSERT INTO store_region VALUES ({region:String})", {"region": region})
    elif owners != {region}:
        raise StoreRefused(detail=f"this store is of {', '.join(sorted(owners))}, not of {region}")

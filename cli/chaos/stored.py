"""Reads the store of a region whose mesh has stopped: `python -m cli.chaos.stored REGION ANALYTICS_FOLDER`.

In a process of its own, as the engine opens one path per process. Merges are stopped before anything is read,
so that a row that is there twice is seen twice; then the session is read-only. Its output is MessagePack.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from cli.chaos import prints
from cli.chaos.rows import Row, Stored
from storage.analytics import connect
from storage.analytics.tables import DATABASE

MEMORY_BYTES: Final = 2_000_000_000
PARTS: Final = 8
"""A table is read in so many parts, to hold a part of it in memory only."""

_PLACE: Final = "log_id, log_seq, project_id, environment"
_COLUMNS: Final = {
    "events": "event_name, distinct_id, timestamp_ms, properties, default_properties, lib_version, event_id, "
    "session_id",
    "people": "distinct_id, timestamp_ms, traits",
    "aliases": "alias_id, distinct_id, timestamp_ms",
}


def read_store(region: str, folder: Path) -> Stored:
    """Every row of the three tables. Blocks."""
    open_ = connect.embedded(folder, max_memory_bytes=MEMORY_BYTES)
    first = open_(DATABASE, {})
    first.command("SYSTEM STOP MERGES")
    client = open_(DATABASE, {"readonly": 1})
    rows, final = list(_rows(client, "")), list(_rows(client, "FINAL"))
    client.close()
    first.close()
    return Stored(region, rows, final)


async def stored(region: str, folder: Path, scratch: Path) -> Stored:
    """The same, by a child. Raises RuntimeError with what the child said last."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli.chaos.stored", region, str(folder)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(scratch)},
    )
    answer, errors = await child.communicate()
    if child.returncode != 0:
        raise RuntimeError(f"the store of {region} can't be read: {errors.decode(errors='replace')[-2000:]}")
    return msgspec.msgpack.decode(answer, type=Stored)


def _rows(client: Any, final: str) -> Iterator[Row]:
    for table, columns in _COLUMNS.items():
        for part in range(PARTS):
            sql = f"SELECT {_PLACE}, {columns} FROM {table} {final} WHERE cityHash64(id) % {PARTS} = {part}"
            for log_id, log_seq, project_id, environment, *fields in client.query(sql).result_rows:
                name, mark = _PRINTS[table](project_id, environment, *fields)
                yield Row(table, project_id, environment, name, mark, log_id, log_seq)


def _event(project_id: str, environment: str, *fields: Any) -> tuple[str, bytes]:
    event_name, distinct_id, timestamp_ms, properties, defaults, lib_version, event_id, session_id = fields
    mark = prints.event(
        project_id=project_id,
        environment=environment,
        event_name=event_name,
        distinct_id=distinct_id,
        timestamp_ms=timestamp_ms,
        properties=properties,
        default_properties=defaults,
        lib_version=lib_version,
        event_id=event_id,
        session_id=session_id,
    )
    return prints.name_in_properties(properties), mark


def _people(project_id: str, environment: str, *fields: Any) -> tuple[str, bytes]:
    distinct_id, timestamp_ms, traits = fields
    mark = prints.people(
        project_id=project_id,
        environment=environment,
        distinct_id=distinct_id,
        timestamp_ms=timestamp_ms,
        traits=traits,
    )
    return prints.name_in_traits(traits), mark


def _alias(project_id: str, environment: str, *fields: Any) -> tuple[str, bytes]:
    alias_id, distinct_id, timestamp_ms = fields
    mark = prints.alias(
        project_id=project_id,
        environment=environment,
        alias_id=alias_id,
        distinct_id=distinct_id,
        timestamp_ms=timestamp_ms,
    )
    return prints.name_in_alias(alias_id), mark


_PRINTS: Final[dict[str, Callable[..., tuple[str, bytes]]]] = {
    "events": _event,
    "people": _people,
    "aliases": _alias,
}

if __name__ == "__main__":
    found = read_store(sys.argv[1], Path(sys.argv[2]))
    sys.stdout.buffer.write(msgspec.msgpack.encode(found))

"""Erases a person from every table of the store, in the words that ClickHouse has for it.

`ALTER … DELETE` writes the parts anew without the rows. They are gone from answers when it is done, and from
the disk when the parts before it are removed: after `old_parts_lifetime`, by a cleanup that takes its time.
ClickHouse keeps the text of the last hundred such statements in files. So it holds no id, but its hash with
what the erasure is called as salt; by that a repeated erasure finds a statement that it has begun.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import msgspec

from storage.analytics.errors import StoreUnavailable
from storage.analytics.handles import WriterHandle
from storage.analytics.identities import Identities
from storage.analytics.tables import DATABASE, Environment

OFF_DISK_AFTER: Final = timedelta(seconds=480 + 300)
"""`old_parts_lifetime` and the longest pause between two cleanups, `max_cleanup_delay_period`."""

WAIT_S: Final = 300.0
POLL_S: Final = 0.02

# Aliases last: what a kill leaves undone is found through them.
_COLUMNS: Final = {
    "events": ("distinct_id",),
    "people": ("distinct_id",),
    "aliases": ("alias_id", "distinct_id"),
}
_SCOPE: Final = "project_id = {project_id:String} AND environment = {environment:String}"


class ErasureOrder(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A row of the log's erasures: whom to erase. `distinct_id` is any id of the person."""

    erasure_id: str
    project_id: str
    environment: Environment
    distinct_id: str


class Eraser:
    """Blocks; for one thread. Every method may raise StoreUnavailable."""

    def __init__(self, *, handle: WriterHandle) -> None:
        self._handle = handle

    def ids_of(self, order: ErasureOrder) -> list[str]:
        """All ids of the person, by the aliases that are stored now."""
        sql = f"SELECT alias_id, distinct_id FROM aliases FINAL WHERE {_SCOPE} ORDER BY received_at, log_seq"
        bound = {"project_id": order.project_id, "environment": order.environment}
        pairs = [(alias, distinct) for alias, distinct in self._handle.query_rows(sql, bound)]
        return Identities(pairs).ids(order.distinct_id)

    def erase(self, order: ErasureOrder, ids: Sequence[str], *, name: str) -> None:
        """Returns when no answer holds a row of these ids. Goes on where one of the same name was."""
        for table, columns in _COLUMNS.items():
            if self._done(table, name) is None:
                self._begin(table, columns, order, ids, name)
            self._wait(table, name)

    def _begin(
        self, table: str, columns: Sequence[str], order: ErasureOrder, ids: Sequence[str], name: str
    ) -> None:
        hashed = " OR ".join(
            f"hex(SHA256(concat({{salt:String}}, {column}))) IN {{hashes:Array(String)}}"
            for column in columns
        )
        bound = {
            "project_id": order.project_id,
            "environment": order.environment,
            "salt": name,
            "hashes": [_hash(name, one) for one in ids],
        }
        self._handle.command(f"ALTER TABLE {table} DELETE WHERE {_SCOPE} AND ({hashed})", bound)

    def _done(self, table: str, name: str) -> bool | None:
        """Whether the statement of that name is done; None where there is none."""
        sql = """
            SELECT is_done FROM system.mutations WHERE database = {database:String}
                AND table = {table:String} AND position(command, {name:String}) > 0
        """
        found = self._handle.query_rows(sql, {"database": DATABASE, "table": table, "name": f"'{name}'"})
        return all(done for (done,) in found) if found else None

    def _wait(self, table: str, name: str) -> None:
        deadline = time.monotonic() + WAIT_S
        while not self._done(table, name):
            if time.monotonic() > deadline:
                raise StoreUnavailable("ERASURE_STILL_RUNNING")
            time.sleep(POLL_S)


def _hash(salt: str, distinct_id: str) -> str:
    return hashlib.sha256(f"{salt}{distinct_id}".encode()).hexdigest().upper()

"""Whether what the engine says it stored is on its disk, and what is done where it is not.

The engine may swallow an error of the last write to a file. On a disk that fills at the wrong moment, every
file of a part is empty, its syncs have nothing to say, and the insert (or the merge) is reported as done: the
part answers from memory, and is thrown away at the next start (chDB 26.9, reproduced by ENOSPC and EIO on
write(2); a merge has its sources on disk for `old_parts_lifetime` still, an insert has nothing).

So no insert is believed: each new part is compared with its files before the log may forget its rows. A table
with a part that is not whole is opened anew, which leaves the part out and takes a merge's sources in again.
"""

from __future__ import annotations

import logging
import re
from typing import Any, Final, Protocol

from storage.analytics.errors import StoreFailed, StoreUnavailable, StoreUnforeseen
from storage.analytics.handles import Parameters
from storage.analytics.tables import DATABASE

_log = logging.getLogger(__name__)
_NAME: Final = re.compile(r"[0-9A-Za-z_-]+").fullmatch

DAMAGED: Final = "DAMAGED_PART"
"""The cause that is shown for it."""

_RECENT: Final = """
    SELECT name FROM system.parts WHERE database = {database:String} AND table = {table:String} AND active
        AND modification_time > now() - INTERVAL 480 SECOND
"""
"""Of older ones the sources are gone, and what a start has read from disk is whole."""


class Session(Protocol):
    """What this needs of a handle."""

    def command(self, sql: str, parameters: Parameters | None = None) -> None:
        """Runs a statement without an answer."""

    def query_rows(self, sql: str, parameters: Parameters | None = None) -> list[tuple[Any, ...]]:
        """Runs a query."""


class Parts:
    """The parts of the store's tables, each looked at once. For one thread."""

    def __init__(self, *, session: Session) -> None:
        self._session = session
        self._whole: dict[str, set[str]] = {}
        self._damaged: set[str] = set()

    def verify(self, table: str) -> None:
        """Returns when all that the table has written lately is on disk as it was written.

        Some milliseconds for a part of a few rows; a part is read whole, once. Raises StoreUnavailable where
        one is not: what it held is to be looked for again.
        """
        self.mend()
        known = self._whole.get(table, set())
        names = self._names(table)
        for name in sorted(names - known):
            if not self._is_whole(table, name):
                _log.error("a part of %s is not on disk as it was written: the table is opened anew", table)
                self._damaged.add(table)
                self.mend()
                raise StoreUnavailable(DAMAGED)
        self._whole[table] = names

    def verify_all(self) -> None:
        """The same for every table of the store."""
        sql = "SELECT DISTINCT table FROM system.parts WHERE database = {database:String} AND active"
        for (table,) in self._session.query_rows(sql, {"database": DATABASE}):
            self.verify(str(table))

    def mend(self) -> None:
        """Opens anew the tables that are known to have a damaged part. Raises StoreUnavailable."""
        for table in sorted(self._damaged):
            self._session.command(f"DETACH TABLE IF EXISTS {table} SYNC")
            self._session.command(f"ATTACH TABLE IF NOT EXISTS {table}")
            self._damaged.discard(table)

    def _names(self, table: str) -> set[str]:
        found = self._session.query_rows(_RECENT, {"database": DATABASE, "table": table})
        return {str(name) for (name,) in found}

    def _is_whole(self, table: str, name: str) -> bool:
        """One that a merge has replaced meanwhile is another's to prove."""
        if not _NAME(name):
            raise StoreFailed("PART_NAME")  # the statement takes a literal only
        sql = f"CHECK TABLE {table} PART '{name}' SETTINGS check_query_single_value_result = 1"
        try:
            ((whole,),) = self._session.query_rows(sql)
        except StoreUnforeseen as error:
            if error.cause != "NO_SUCH_DATA_PART":
                raise
            return True
        return bool(whole)

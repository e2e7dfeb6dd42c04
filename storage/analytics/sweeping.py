"""The sweep: is a marker anywhere in the store? By query, as a search of compressed files is blind."""

from __future__ import annotations

from typing import Final, NamedTuple

from storage.analytics.handles import ReaderHandle


class Swept(NamedTuple):
    """One table: rows examined, and rows that hold the marker in any column."""

    table: str
    examined: int
    hits: int


_COLUMNS: Final = """
    SELECT t.database, t.name, groupArray(c.name)
    FROM system.tables AS t INNER JOIN system.columns AS c ON c.database = t.database AND c.table = t.name
    WHERE t.engine LIKE '%MergeTree' AND c.default_kind != 'ALIAS'
    GROUP BY t.database, t.name
    ORDER BY t.database, t.name
"""


def sweep(handle: ReaderHandle, marker: str) -> list[Swept]:
    """Looks at every row of every table, the engine's own logs and what FINAL would hide included."""
    swept = []
    for database, table, columns in handle.query_rows(_COLUMNS):
        held = " OR ".join(f"position(toString({_quoted(name)}), {{marker:String}}) > 0" for name in columns)
        sql = f"SELECT count(), countIf({held}) FROM {_quoted(database)}.{_quoted(table)}"
        examined, hits = handle.query_rows(sql, {"marker": marker})[0]
        swept.append(Swept(f"{database}.{table}", examined, hits))
    return swept


def _quoted(name: str) -> str:
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"

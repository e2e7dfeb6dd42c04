"""The SQL of a page of events, newest first.

FINAL merges every key of a project before it looks at one: 2.5 s of CPU for a page out of 10 million rows. So
a page is read in two steps (0.55 s there, measured): the newest rows as they lie, some more than asked for,
then which of them FINAL would keep. Only where too many wait for their merge, FINAL itself is asked.
A projection in the order of time would take 12 ms instead of 250 for the first step; it costs nearly half of
the store's size again and its share of every insert, which is why there is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from storage.analytics.tables import NOT_EXPIRED

SCOPE: Final = "project_id = {project_id:String} AND environment = {environment:String}"

COLUMNS: Final = (
    "id, event_id, event_name, distinct_id, timestamp_ms, toUnixTimestamp64Milli(received_at), "
    "properties, default_properties, lib_version, session_id, os, browser, device_model"
)

VERSIONS: Final = (
    f"SELECT id, max(version) FROM events WHERE {SCOPE} AND id IN {{ids:Array(String)}} GROUP BY id"
)
"""The version that stays, of each of some ids: the first received, whatever else is asked about it."""

_EARLIEST: Final = "toInt64('-9223372036854775808')"
_BEYOND: Final = "(timestamp_ms < {at_ms:Int64} OR timestamp_ms = {at_ms:Int64} AND id < {at_id:String})"


def spare(limit: int) -> int:
    """How many rows to read for a page of `limit`: a fifth of them may be rows that a merge will take."""
    return limit + limit // 4 + 8


def newest(filters: Sequence[str], *, beyond: bool) -> str:
    """COLUMNS and version of {limit} rows as they lie, `beyond` a position (at_ms, at_id).

    First how old the last of them is, from narrow columns alone. `filters` and that bound are looked at
    before anything else is read; of two rows at one place the one that stays comes first.
    """
    older = ["timestamp_ms < {at_ms:Int64}"] if beyond else []
    bound = f"""
        SELECT if(count() = 0, {_EARLIEST}, min(timestamp_ms)) FROM (
            SELECT timestamp_ms FROM events {_prewhere(filters)} WHERE {_all(SCOPE, NOT_EXPIRED, *older)}
            ORDER BY timestamp_ms DESC LIMIT {{limit:UInt32}}
        )
    """
    where = _all(SCOPE, NOT_EXPIRED, *([_BEYOND] if beyond else []))
    return f"""
        SELECT {COLUMNS}, version FROM events {_prewhere([*filters, f"timestamp_ms >= ({bound})"])}
        WHERE {where} ORDER BY timestamp_ms DESC, id DESC, version DESC LIMIT {{limit:UInt32}}
    """


def merged(filters: Sequence[str], *, beyond: bool) -> str:
    """COLUMNS of {limit} rows, from all rows of the project as if every merge had been done."""
    where = _all(SCOPE, NOT_EXPIRED, *filters, *([_BEYOND] if beyond else []))
    return f"""
        SELECT {COLUMNS} FROM events FINAL WHERE {where}
        ORDER BY timestamp_ms DESC, id DESC LIMIT {{limit:UInt32}}
    """


def _prewhere(conditions: Sequence[str]) -> str:
    return f"PREWHERE {_all(*conditions)}" if conditions else ""


def _all(*conditions: str) -> str:
    return " AND ".join(conditions)

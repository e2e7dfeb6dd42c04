"""The questions that people may ask of events, people and aliases. Text is fixed, values are always bound.

Every question is about one project in one environment, and hides rows that are past their retention.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

from storage.analytics import event_pages
from storage.analytics.event_pages import SCOPE
from storage.analytics.handles import Parameters
from storage.analytics.tables import NOT_EXPIRED, Environment

_ALIASED: Final = f"""(
    SELECT alias_id FROM aliases WHERE {SCOPE} UNION ALL SELECT distinct_id FROM aliases WHERE {SCOPE}
)"""
_SEEN: Final = f"""(
    SELECT distinct_id FROM events WHERE {SCOPE} AND {NOT_EXPIRED}
    UNION ALL SELECT distinct_id FROM people WHERE {SCOPE}
)"""


@dataclass(frozen=True, slots=True)
class Scope:
    """A project and one of its environments."""

    project_id: str
    environment: Environment


@dataclass(frozen=True, slots=True)
class Filter:
    """Which events: None is no limit. `since_ms` is included, `until_ms` is not; both are client time."""

    event_name: str | None = None
    distinct_ids: tuple[str, ...] | None = None
    since_ms: int | None = None
    until_ms: int | None = None


class Position(NamedTuple):
    """A place in the list of events, newest first."""

    timestamp_ms: int
    id: str


class StoredEvent(NamedTuple):
    """An event. `properties` and `default_properties` are JSON objects as sent."""

    id: str
    event_id: str
    event_name: str
    distinct_id: str
    timestamp_ms: int
    received_at_ms: int
    properties: str
    default_properties: str
    lib_version: str
    session_id: str
    os: str
    browser: str
    device_model: str


class Counts(NamedTuple):
    """Events, different ids that no alias names, and the different ids among them that one does."""

    events: int
    unaliased_ids: int
    aliased_ids: list[str]


class Trait(NamedTuple):
    """The newest value, raw JSON, of one trait under one id. Of a person's the greatest `changed` wins."""

    distinct_id: str
    key: str
    value: str
    changed: tuple[int, int, int]
    """Client time in milliseconds, server time in milliseconds, log_seq."""


class Asked(Protocol):
    """Who answers SQL: storage.analytics.engine.Engine."""

    async def query(self, sql: str, parameters: Parameters | None = None) -> list[tuple[Any, ...]]:
        """The rows."""


class AnalyticsQueries:
    """Asks the engine. Every method may raise StoreUnavailable."""

    def __init__(self, *, engine: Asked) -> None:
        self._engine = engine

    async def events(
        self, scope: Scope, which: Filter, *, after: Position | None, limit: int
    ) -> list[StoredEvent]:
        """Newest client time first, beyond `after`."""
        filters, bound = _filters(which)
        bound |= _bound(scope)
        if after is not None:
            bound |= {"at_ms": after.timestamp_ms, "at_id": after.id}
        beyond, wanted = after is not None, event_pages.spare(limit)
        newest = event_pages.newest(filters, beyond=beyond)
        rows = await self._engine.query(newest, bound | {"limit": wanted})
        versions = await self._versions(scope, [row[0] for row in rows])
        found = {row[0]: StoredEvent(*row[:-1]) for row in rows if versions.get(row[0]) == row[-1]}
        if len(found) >= limit or len(rows) < wanted:
            return list(found.values())[:limit]
        merged = event_pages.merged(filters, beyond=beyond)
        return [StoredEvent(*row) for row in await self._engine.query(merged, bound | {"limit": limit})]

    async def _versions(self, scope: Scope, ids: list[str]) -> dict[str, int]:
        """Of each id the version of the row that stays."""
        if not ids:
            return {}
        return dict(await self._engine.query(event_pages.VERSIONS, _bound(scope) | {"ids": ids}))

    async def names(self, scope: Scope, which: Filter) -> list[tuple[str, int]]:
        """The 10,000 most frequent names and how often each happened, most frequent first."""
        where, bound = _where(scope, which)
        sql = f"""
            SELECT event_name, count() AS times FROM events FINAL WHERE {where}
            GROUP BY event_name ORDER BY times DESC, event_name LIMIT 10000
        """
        return [(name, times) for name, times in await self._engine.query(sql, bound)]

    async def counts(self, scope: Scope, which: Filter) -> Counts:
        """Only ids that an alias names travel; the others are counted where they are."""
        where, bound = _where(scope, which)
        sql = f"""
            SELECT count(), uniqExactIf(distinct_id, NOT aliased), groupUniqArrayIf(distinct_id, aliased)
            FROM (SELECT distinct_id, distinct_id IN {_ALIASED} AS aliased FROM events FINAL WHERE {where})
        """
        ((events, unaliased, aliased),) = await self._engine.query(sql, bound)
        return Counts(events, unaliased, list(aliased))

    async def aliases(self, scope: Scope) -> list[tuple[str, str]]:
        """(alias_id, distinct_id) in the order in which they arrived."""
        sql = f"""
            SELECT alias_id, distinct_id FROM aliases FINAL WHERE {SCOPE} ORDER BY received_at, log_seq
        """
        return [(alias, distinct) for alias, distinct in await self._engine.query(sql, _bound(scope))]

    async def unaliased_ids(self, scope: Scope, *, after: str, limit: int) -> list[str]:
        """Ids of events and people that no alias names, in order, beyond `after`."""
        sql = f"""
            SELECT DISTINCT distinct_id FROM {_SEEN}
            WHERE distinct_id > {{after:String}} AND distinct_id NOT IN {_ALIASED}
            ORDER BY distinct_id LIMIT {{limit:UInt32}}
        """
        bound = _bound(scope) | {"after": after, "limit": limit}
        return [row[0] for row in await self._engine.query(sql, bound)]

    async def aliased_ids(self, scope: Scope) -> list[str]:
        """Ids of events and people that an alias names."""
        sql = f"SELECT DISTINCT distinct_id FROM {_SEEN} WHERE distinct_id IN {_ALIASED}"
        return [row[0] for row in await self._engine.query(sql, _bound(scope))]

    async def seen(self, scope: Scope, distinct_ids: list[str]) -> bool:
        """Whether there is an event or a trait under any of these ids."""
        sql = f"SELECT count() > 0 FROM {_SEEN} WHERE distinct_id IN {{distinct_ids:Array(String)}}"
        ((found,),) = await self._engine.query(sql, _bound(scope) | {"distinct_ids": distinct_ids})
        return bool(found)

    async def traits(self, scope: Scope, distinct_ids: list[str]) -> list[Trait]:
        """The newest value of every trait under these ids, 'null' for a deleted one."""
        sql = f"""
            SELECT distinct_id, key, argMax(value, changed), max(changed) FROM (
                SELECT distinct_id, (timestamp_ms, toUnixTimestamp64Milli(received_at), log_seq) AS changed,
                    mapKeys(traits) AS keys, mapValues(traits) AS values
                FROM people FINAL WHERE {SCOPE} AND distinct_id IN {{distinct_ids:Array(String)}}
            ) ARRAY JOIN keys AS key, values AS value
            GROUP BY distinct_id, key
        """
        rows = await self._engine.query(sql, _bound(scope) | {"distinct_ids": distinct_ids})
        return [Trait(distinct_id, key, value, tuple(changed)) for distinct_id, key, value, changed in rows]


def _bound(scope: Scope) -> dict[str, Any]:
    return {"project_id": scope.project_id, "environment": scope.environment}


def _where(scope: Scope, which: Filter) -> tuple[str, dict[str, Any]]:
    """Conditions from fixed parts, and what is bound in them."""
    filters, bound = _filters(which)
    return " AND ".join([SCOPE, NOT_EXPIRED, *filters]), bound | _bound(scope)


def _filters(which: Filter) -> tuple[list[str], dict[str, Any]]:
    """The conditions of a filter, and what is bound in them."""
    conditions, bound = list[str](), dict[str, Any]()
    for value, name, condition in (
        (which.event_name, "event_name", "event_name = {event_name:String}"),
        (which.distinct_ids, "distinct_ids", "distinct_id IN {distinct_ids:Array(String)}"),
        (which.since_ms, "since_ms", "timestamp_ms >= {since_ms:Int64}"),
        (which.until_ms, "until_ms", "timestamp_ms < {until_ms:Int64}"),
    ):
        if value is not None:
            conditions.append(condition)
            bound[name] = list(value) if isinstance(value, tuple) else value
    return conditions, bound

"""Rows of a test's own project, as ingest makes them, and what the store has of them."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from storage.analytics.engine import Engine
from storage.analytics.tables import AliasRow, Environment, EventRow, PeopleRow, seconds, tail
from storage.log import Append, Rows, Table
from storage.log.lmdb import LmdbLog

REGION = "eu-west-1"
NOW_MS = 1_778_337_121_482
PATIENCE = timedelta(seconds=60)
"""What a writer is given to store what a test appended, on however busy a machine."""


def event(
    project: str, number: int, *, id: str = "", environment: Environment = "live", who: str = "user_1"
) -> Rows:
    """An event whose name and properties hold its number."""
    row = EventRow(
        project_id=project,
        environment=environment,
        org_id="org_a",
        id=id or f"evt_{number:021}",
        event_name=f"event {number}",
        distinct_id=who,
        timestamp_ms=NOW_MS,
        received_at=seconds(NOW_MS),
        properties=msgspec.Raw(b'{"n":%d}' % number),
        default_properties=msgspec.Raw(b"{}"),
    )
    return Rows(Table.EVENTS, project, [tail(row)])


def person(project: str, who: str, *, environment: Environment = "live") -> Rows:
    """A trait of a person."""
    row = PeopleRow(
        project_id=project,
        environment=environment,
        org_id="org_a",
        id=f"p_{who}",
        distinct_id=who,
        timestamp_ms=NOW_MS,
        received_at=seconds(NOW_MS),
        traits={"plan": '"pro"'},
    )
    return Rows(Table.PEOPLE, project, [tail(row)])


def alias(project: str, alias_id: str, who: str) -> Rows:
    """Two ids of one person."""
    row = AliasRow(
        project_id=project,
        environment="live",
        org_id="org_a",
        id=f"a_{alias_id}",
        alias_id=alias_id,
        distinct_id=who,
        timestamp_ms=NOW_MS,
        received_at=seconds(NOW_MS),
    )
    return Rows(Table.ALIASES, project, [tail(row)])


async def append(log: LmdbLog, parts: list[Rows]) -> int:
    """Appends one request, and answers its first seq."""
    (first,) = await log.append([Append(parts)])
    assert isinstance(first, int)
    return first


async def stored(engine: Engine, project: str, *, final: bool = False) -> list[str]:
    """Names of the project's events in order; without `final`, rows that FINAL would hide count too."""
    sql = f"SELECT event_name FROM events {'FINAL' * final} WHERE project_id = {{p:String}} ORDER BY log_seq"
    return [row[0] for row in await engine.query(sql, {"p": project})]

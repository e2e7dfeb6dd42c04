"""Whatever ingest accepts, the real engine takes and gives back: ingest checks what the schema needs."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sankofa.ingest.v1.ingest_pb2 import Alias, People, Track
from services.ingest import timestamps
from storage.log import Table
from tests.support.cell import Cell, item
from tests.support.json_texts import BAGS, NUMBERS, TEXT

pytestmark = [pytest.mark.network, pytest.mark.disk, pytest.mark.asyncio(loop_scope="module")]

some = settings(
    max_examples=8,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
    ],
)
NAMES = TEXT.map(lambda text: f"n{text}")
WHO = st.text("abé😀\0\n'\"\\%{}", max_size=8).map(lambda text: f"user{text}")
TIMES = st.one_of(
    NUMBERS,
    TEXT,
    st.integers(timestamps.FIRST_MS, timestamps.LAST_MS).map(str),
    st.sampled_from(["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"]),
)
BYTES = BAGS.map(str.encode)
TRACKS = st.builds(
    Track,
    event_name=NAMES,
    distinct_id=WHO,
    timestamp=TIMES,
    properties=BYTES,
    default_properties=BYTES,
    lib_version=TEXT,
)
COLUMNS = "event_name, distinct_id, timestamp_ms, session_id, os, lib_version, properties, default_properties"


async def _stored(cell: Cell, table: Table, columns: str, project: str) -> list[tuple[Any, ...]]:
    await cell.flushed()
    assert cell.log.dead_letters() == []
    sql = f"SELECT {columns} FROM {table.value} FINAL WHERE project_id = {{project:String}} ORDER BY log_seq"
    return [tuple(row) for row in await cell.engine.query(sql, {"project": project})]


@some
@given(st.lists(TRACKS, min_size=40, max_size=80))
async def test_events_come_back_from_the_engine_as_they_were_accepted(
    cell: Cell, tracks: list[Track]
) -> None:
    project = await cell.project()
    (result,) = await cell.append(item(project, *tracks))
    assert (result.error, result.events) == (0, len(tracks))
    stored = await _stored(cell, Table.EVENTS, COLUMNS, project)
    assert len(stored) == len(tracks)
    for track, row in zip(tracks, stored, strict=True):
        sent = json.loads(track.properties)
        assert row[:2] == (track.event_name, track.distinct_id)
        assert timestamps.parse(track.timestamp) in (None, row[2])
        assert not isinstance(sent.get("$session_id"), str) or row[3] == sent["$session_id"]
        assert not (isinstance(sent.get("$os"), str) and sent["$os"]) or row[4] == sent["$os"]
        assert row[5] == track.lib_version
        assert (row[6].encode(), row[7].encode()) == (track.properties, track.default_properties)


@some
@given(st.lists(st.tuples(WHO, BAGS, TIMES), min_size=20, max_size=40))
async def test_traits_and_aliases_come_back_from_the_engine_as_they_were_accepted(
    cell: Cell, sent: list[tuple[str, str, str]]
) -> None:
    project = await cell.project()
    people = [People(distinct_id=who, properties=bag.encode(), timestamp=time) for who, bag, time in sent]
    aliases = [Alias(alias_id=f"a{who}", distinct_id=who, timestamp=time) for who, _, time in sent]
    (result,) = await cell.append(item(project, *people, *aliases))
    assert (result.error, result.people, result.aliases) == (0, len(sent), len(sent))
    stored = await _stored(cell, Table.PEOPLE, "distinct_id, traits", project)
    for (who, bag, _), (stored_who, traits) in zip(sent, stored, strict=True):
        assert stored_who == who
        assert {key: json.loads(value) for key, value in traits.items()} == json.loads(bag)
    pairs = await _stored(cell, Table.ALIASES, "alias_id, distinct_id", project)
    assert pairs == [(f"a{who}", who) for who, _, _ in sent]

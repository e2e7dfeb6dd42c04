"""Whatever is sent is refused with a reason, or becomes a row that the store can read: nothing in between."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mesh.directory import ProjectFact
from mesh.errors import InvalidInput
from sankofa.ingest.v1.ingest_pb2 import AppendItem
from sankofa.residency.v1.environment_pb2 import ENVIRONMENT_LIVE
from services.ingest import timestamps
from services.ingest.core import Accepted, Normaliser
from services.ingest.user_agent import UserAgents
from services.rest.payloads import AliasBody, Body, PeopleBody, TrackBody, batch, single
from storage.analytics.tables import ROW_OF
from tests.support.json_texts import BAGS, NUMBERS, TEXT, VALUES, nearly, object_texts
from tests.support.nodes import MemoryDirectory

often = settings(max_examples=150, derandomize=True, deadline=None, database=None)
NOW_MS = 1_795_478_738_256
KINDS: tuple[type[Body], ...] = (TrackBody, PeopleBody, AliasBody)
DIRECTORY = MemoryDirectory(projects={"proj_a": ProjectFact("proj_a", "org_a", "A", "active")})
FIELDS = (
    "event_name",
    "distinct_id",
    "alias_id",
    "timestamp",
    "properties",
    "default_properties",
    "event_id",
)


@pytest.fixture(scope="module")
def normaliser() -> Normaliser:
    return Normaliser(directory=DIRECTORY, user_agents=UserAgents(), now_ms=lambda: NOW_MS)


@st.composite
def bodies(draw: st.DrawFn) -> str:
    """An object whose fields are mostly those of a payload, and mostly of a good type."""
    fields = {
        "event_name": TEXT.map(json.dumps),
        "distinct_id": TEXT.map(json.dumps),
        "alias_id": TEXT.map(json.dumps),
        "event_id": TEXT.map(json.dumps),
        "timestamp": st.one_of(NUMBERS, TEXT.map(json.dumps)),
        "properties": BAGS,
        "default_properties": BAGS,
        "unknown": VALUES,
    }
    chosen = draw(st.lists(st.sampled_from(tuple(fields)), max_size=10))
    texts = [f'"{name}":{draw(fields[name] | VALUES)}' for name in chosen]
    return f"{{{','.join(texts)}}}"


def _item() -> AppendItem:
    return AppendItem(project_id="proj_a", environment=ENVIRONMENT_LIVE)


def _rows(accepted: Accepted) -> list[dict[str, object]]:
    """The rows, checked to be what JSONEachRow takes: one object in UTF-8 of exactly the table's fields."""
    found = []
    for part in accepted.append.parts if accepted.append else ():
        fields = set(ROW_OF[part.table].__struct_fields__)
        for row in part.rows:
            line = b'{"log_id":"log","log_seq":1,' + row
            decoded = json.loads(line.decode("utf-8"))
            assert decoded.keys() == fields | {"log_id", "log_seq"}
            assert msgspec.json.decode(line, type=dict[str, msgspec.Raw]).keys() == decoded.keys()
            assert timestamps.FIRST_MS <= decoded["timestamp_ms"] <= timestamps.LAST_MS
            found.append(decoded)
    return found


@often
@given(st.one_of(nearly(bodies()), bodies().map(str.encode), st.binary(max_size=64)), st.sampled_from(KINDS))
def test_a_body_is_refused_or_becomes_rows_that_the_store_can_read(
    normaliser: Normaliser, body: bytes, kind: type[Body]
) -> None:
    item = _item()
    try:
        single(kind, body, item)
        accepted = normaliser.frame().accept(item)
    except InvalidInput as refused:
        assert refused.http_status in (400, 413)
        return
    assert len(_rows(accepted)) + accepted.discarded == 1


@st.composite
def batches(draw: st.DrawFn) -> str:
    """A batch of operations, most of them good."""
    kinds = st.sampled_from(("track", "people", "alias", "track", "other"))
    operations = draw(st.lists(st.tuples(kinds, bodies()), max_size=4))
    texts = ",".join(f'{{"type":"{kind}","payload":{body}}}' for kind, body in operations)
    return f'{{"operations":[{texts}]}}'


@often
@given(st.one_of(nearly(batches()), batches().map(str.encode)))
def test_a_batch_is_refused_or_becomes_rows_that_the_store_can_read(
    normaliser: Normaliser, body: bytes
) -> None:
    item = _item()
    try:
        batch(body, item, most=3)
        accepted = normaliser.frame().accept(item)
    except InvalidInput as refused:
        assert refused.http_status in (400, 413)
        return
    assert len(_rows(accepted)) + accepted.discarded == len(item.operations)


@often
@given(BAGS, BAGS, TEXT, TEXT)
@example('{"$session_id":1e400,"$time":[],"$timestamp":{}}', "{ }", "\0", "\0\0")
def test_a_good_event_comes_out_as_it_went_in(
    normaliser: Normaliser, bag: str, defaults: str, name: str, who: str
) -> None:
    name, who = f"n{name}", f"user {who}"
    head = json.dumps({"event_name": name, "distinct_id": who})[:-1]
    item = _item()
    single(TrackBody, f'{head},"properties":{bag},"default_properties":{defaults}}}'.encode(), item)
    accepted = normaliser.frame().accept(item)
    if accepted.discarded:
        assert any(word in who.lower() for word in ("gzip", "*/*", "deflate", "identity", "accept"))
        return
    assert accepted.append is not None
    ((row,),) = [part.rows for part in accepted.append.parts]
    assert b'"properties":' + bag.encode() in row
    assert b'"default_properties":' + defaults.encode() in row
    (decoded,) = _rows(accepted)
    assert (decoded["event_name"], decoded["distinct_id"]) == (name, who)


@often
@given(object_texts(VALUES))
def test_each_trait_is_the_json_that_was_sent(normaliser: Normaliser, bag: str) -> None:
    item = _item()
    single(PeopleBody, f'{{"distinct_id":"user_1","properties":{bag}}}'.encode(), item)
    (row,) = _rows(normaliser.frame().accept(item))
    sent, kept = json.loads(bag), row["traits"]
    assert isinstance(kept, dict)
    assert {key: json.loads(text) for key, text in kept.items()} == sent
    assert all(text in bag for text in kept.values())


@often
@given(bodies(), st.sampled_from(KINDS), st.sampled_from(["", "key-1"]))
def test_ids_of_what_a_retry_repeats_are_equal(
    normaliser: Normaliser, body: str, kind: type[Body], key: str
) -> None:
    ids = []
    for _ in range(2):
        item = _item()
        try:
            single(kind, body.encode(), item)
            item.idempotency_key = key
            rows = _rows(normaliser.frame().accept(item))
        except InvalidInput:
            return
        ids.append([row["id"] for row in rows])
        named = any(row.get("event_id") for row in rows)
    assert (ids[0] == ids[1]) == (bool(key) or named or not ids[0])


MOMENTS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30))
ZONES = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@often
@given(MOMENTS, ZONES)
def test_a_moment_is_the_same_however_it_is_written(moment: datetime, zone: timezone) -> None:
    utc = moment.replace(tzinfo=UTC)
    expected = (utc - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    iso = moment.isoformat()
    for text in (f"{iso}Z", f"{iso}+00:00", f"{iso}-00:00", iso.replace("T", " "), str(expected)):
        assert timestamps.parse(text) == expected, text
    assert timestamps.parse(utc.astimezone(zone).isoformat()) == expected


@often
@given(
    st.one_of(TEXT, NUMBERS, st.from_regex(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?"))
)
def test_any_text_is_a_time_of_our_years_or_none(text: str) -> None:
    parsed = timestamps.parse(text)
    assert parsed is None or timestamps.FIRST_MS <= parsed <= timestamps.LAST_MS

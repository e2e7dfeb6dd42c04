"""What a body may hold, and the words in which it is refused."""

from __future__ import annotations

import tracemalloc

import msgspec
import pytest

from mesh.errors import InvalidInput
from sankofa.ingest.v1.ingest_pb2 import AppendItem, Operation
from services.rest import payloads
from services.rest.payloads import AliasBody, Body, PeopleBody, TrackBody, single


def _single(kind: type[Body], body: bytes) -> Operation:
    item = AppendItem()
    single(kind, body, item)
    (operation,) = item.operations
    return operation


def batch(body: bytes, item: AppendItem, *, most: int = 1000) -> None:
    payloads.batch(body, item, most=most)


def _batch(*operations: object) -> bytes:
    return msgspec.json.encode({"operations": operations})


@pytest.mark.parametrize(
    "bag",
    [
        b"{}",
        b'{"a": 9007199254740993 , "b":1.0e2}',
        '{"ü":"\u2028","n":null,"e":[]}'.encode(),
        b'{"a":1,"a":2}',
        b'{"deep":' + b"[" * 100 + b"]" * 100 + b"}",
    ],
)
def test_a_bag_stays_byte_for_byte(bag: bytes) -> None:
    body = b'{"event_name":"e","distinct_id":"dd","properties":%s,"default_properties":%s}' % (bag, bag)
    track = _single(TrackBody, body).track
    assert (track.properties, track.default_properties) == (bag, bag)


@pytest.mark.parametrize(
    ("timestamp", "text"),
    [
        (b'"2026-05-09 14:32:01"', "2026-05-09 14:32:01"),
        (b"1778336001482", "1778336001482"),
        (b"1778336001482.7", "1778336001482"),
        (b"-1", "-1"),
        (b"1e300", ""),
        (b"123456789012345678901234567890", ""),
        (b"null", ""),
    ],
)
def test_a_timestamp_may_be_text_or_a_number(timestamp: bytes, text: str) -> None:
    body = b'{"distinct_id":"dd","timestamp":%s}'
    for kind in (TrackBody, PeopleBody, AliasBody):
        operation = _single(kind, body % timestamp)
        assert getattr(operation, operation.WhichOneof("kind") or "").timestamp == text


def test_what_is_missing_goes_through_empty_for_ingest_to_name() -> None:
    for kind, name in ((TrackBody, "track"), (PeopleBody, "people"), (AliasBody, "alias")):
        operation = _single(kind, b"{}")
        assert operation.WhichOneof("kind") == name
        assert getattr(operation, name).distinct_id == ""


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b'{"event_name":1}',
        b'{"timestamp":true}',
        b'{"timestamp":[]}',
        b'{"properties":[]}',
        b'{"properties":"{}"}',
        b'{"properties":{"a":"\xff"}}',
        b'{"event_name":"\xff"}',
        b'{"properties":{"a":NaN}}',
        b'{"properties":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}",
        b'{"timestamp":' + b"1" * 5000 + b"}",
    ],
)
def test_what_is_not_json_or_of_a_wrong_type_is_an_invalid_body(body: bytes) -> None:
    with pytest.raises(InvalidInput) as refused:
        _single(TrackBody, body)
    assert refused.value.public_text == "Invalid request body"


def test_a_batch_keeps_the_order_sent_and_its_type_may_come_last() -> None:
    item = AppendItem()
    track = '{"payload":{"event_name":"e","distinct_id":"dd"},"type":"track"}'
    alias = '{"type":"alias","payload":{"alias_id":"aa","distinct_id":"dd"}}'
    batch(f'{{"operations":[{track},{alias},{track}]}}'.encode(), item)
    assert [operation.WhichOneof("kind") for operation in item.operations] == ["track", "alias", "track"]


GOOD = {"type": "track", "payload": {"event_name": "e", "distinct_id": "dd"}}


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"{}", "No operations provided"),
        (b'{"operations":null}', "No operations provided"),
        (_batch(), "No operations provided"),
        (b'{"operations":{}}', "Invalid request body"),
        (b"nonsense", "Invalid request body"),
        (_batch(GOOD, 7), "Invalid request body"),
        (_batch(GOOD, {"type": "view", "payload": {}}), "unknown operation type"),
        (_batch(GOOD, {"payload": {}}), "unknown operation type"),
        (_batch(GOOD, {"type": "track"}), "Invalid track payload"),
        (_batch(GOOD, {"type": "track", "payload": {"event_name": "e"}}), "Invalid track payload"),
        (
            _batch({"type": "track", "payload": {"event_name": "", "distinct_id": "dd"}}),
            "Invalid track payload",
        ),
        (_batch(GOOD, {"type": "track", "payload": None}), "Invalid track payload"),
        (_batch({"type": "people", "payload": {"properties": {}}}), "Invalid people payload"),
        (
            _batch({"type": "people", "payload": {"distinct_id": "dd", "properties": []}}),
            "Invalid people payload",
        ),
        (_batch({"type": "alias", "payload": {"distinct_id": "dd"}}), "Invalid alias payload"),
        (_batch({"type": "alias", "payload": {"alias_id": 1}}, {"type": "?"}), "Invalid alias payload"),
    ],
)
def test_a_batch_is_refused_for_its_first_bad_operation(body: bytes, text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        batch(body, AppendItem())
    assert refused.value.public_text == text


def _operations(count: int) -> bytes:
    nested = {
        "type": "track",
        "payload": {"event_name": "e", "distinct_id": "dd", "properties": {"a": {"b": {}}}},
    }
    return _batch(*[nested] * count)


def test_a_batch_may_have_so_many_operations_and_no_more() -> None:
    item = AppendItem()
    batch(_operations(7), item, most=7)
    assert len(item.operations) == 7
    for body in (_operations(8), b'{"operations":[' + b"{}," * 100_000 + b"{}]}"):
        with pytest.raises(InvalidInput) as refused:
            batch(body, AppendItem(), most=7)
        assert refused.value.public_text == "Too many operations in one batch, split it: 7 at most"


def test_a_million_operations_cost_no_more_than_the_bound() -> None:
    body = b'{"operations":[' + b"{}," * 1_000_000 + b"{}]}"
    tracemalloc.start()
    with pytest.raises(InvalidInput):
        batch(body, AppendItem(), most=10_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 << 20


@pytest.mark.parametrize(
    "body", [b"{" * 100, b"[" + b"{}," * 100 + b"{}]", b'{"operations":' + b"{}" * 50 + b"}"]
)
def test_what_can_not_be_counted_is_an_invalid_body(body: bytes) -> None:
    with pytest.raises(InvalidInput) as refused:
        batch(body, AppendItem(), most=7)
    assert refused.value.public_text == "Invalid request body"

"""Requests → rows, by the rules of the public API's "Ingestion"."""

from __future__ import annotations

import re
import tracemalloc
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from mesh.directory import ProjectFact
from mesh.errors import SankofaError
from sankofa.ingest.v1.ingest_pb2 import Alias, AppendItem, Operation, People, Track
from sankofa.residency.v1.environment_pb2 import (
    ENVIRONMENT_LIVE,
    ENVIRONMENT_TEST,
    ENVIRONMENT_UNSPECIFIED,
    Environment,
)
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.ingest.core import Accepted, Normaliser
from services.ingest.user_agent import UserAgents
from storage.log import Table
from tests.support.nodes import MemoryDirectory

NOW_MS = 1_795_478_738_256
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.0 Mobile/15E148 Safari/604.1"
)
DIRECTORY = MemoryDirectory(
    projects={
        "proj_a": ProjectFact("proj_a", "org_a", "A", "active", retention_days=90),
        "proj_old": ProjectFact("proj_old", "org_a", "Old", "archived"),
    }
)


@pytest.fixture(scope="module")
def user_agents() -> UserAgents:
    return UserAgents()


def rows_of(accepted: Accepted) -> list[tuple[Table, dict[str, Any]]]:
    """The rows that a request becomes, as the store reads them."""
    parts = accepted.append.parts if accepted.append else ()
    return [(part.table, msgspec.json.decode(b"{" + row)) for part in parts for row in part.rows]


@dataclass
class Reader:
    """Reads requests, and shows the rows as the store would."""

    normaliser: Normaliser

    def accept(self, *operations: Track | People | Alias, **item: Any) -> Accepted:
        named = {Track: "track", People: "people", Alias: "alias"}
        wrapped = [Operation(**{named[type(one)]: one}) for one in operations]
        fields = {"project_id": "proj_a", "environment": ENVIRONMENT_LIVE} | item
        return self.normaliser.frame().accept(AppendItem(request_id=1, operations=wrapped, **fields))

    def row(self, operation: Track | People | Alias, **item: Any) -> dict[str, Any]:
        ((_, row),) = rows_of(self.accept(operation, **item))
        return row

    def refusal(self, *operations: Track | People | Alias, **item: Any) -> str:
        with pytest.raises(SankofaError) as refused:
            self.accept(*operations, **item)
        return ErrorReason.Name(refused.value.reason).removeprefix("ERROR_REASON_")


@pytest.fixture
def reader(user_agents: UserAgents) -> Reader:
    return Reader(Normaliser(directory=DIRECTORY, user_agents=user_agents, now_ms=lambda: NOW_MS))


def event(**changes: Any) -> Track:
    return Track(**({"event_name": "opened", "distinct_id": "user_1"} | changes))


def test_an_event_becomes_a_row_with_what_the_server_adds(reader: Reader) -> None:
    row = reader.row(event(lib_version="web@1.0.0"))
    assert re.fullmatch(r"evt_[0-9A-Za-z]{21}", row.pop("id"))
    assert row == {
        "project_id": "proj_a",
        "org_id": "org_a",
        "environment": "live",
        "event_id": "",
        "event_name": "opened",
        "distinct_id": "user_1",
        "timestamp_ms": NOW_MS,
        "received_at": 1795478738.256,
        "session_id": "",
        "os": "",
        "browser": "",
        "device_model": "",
        "lib_version": "web@1.0.0",
        "properties": {},
        "default_properties": {},
        "retention_days": 90,
    }


def test_properties_stay_byte_for_byte_as_sent(reader: Reader) -> None:
    sent = (
        '{ "n": 9007199254740993, "f":1.10, "nested": {"a":[ ]},\n "u":"ü😀\\u00e9\\u0000","z":null,"n":1 }'
    ).encode()
    append = reader.accept(event(properties=sent, default_properties=b'{"a" : 1}')).append
    assert append is not None
    ((row,),) = (part.rows for part in append.parts)
    assert b'"properties":' + sent in row
    assert b'"default_properties":{"a" : 1}' in row


@pytest.mark.parametrize(
    ("operation", "reason"),
    [
        (Track(distinct_id="user_1"), "MISSING_EVENT_NAME"),
        (Track(event_name="opened"), "MISSING_DISTINCT_ID"),
        (Track(distinct_id="gzip"), "MISSING_EVENT_NAME"),
        (People(), "MISSING_DISTINCT_ID"),
        (Alias(distinct_id="user_1"), "MISSING_ALIAS_ID"),
        (Alias(alias_id="anon_1"), "MISSING_DISTINCT_ID"),
    ],
)
def test_what_is_required_and_missing_is_named(
    reader: Reader, operation: Track | People | Alias, reason: str
) -> None:
    assert reader.refusal(operation) == reason


@pytest.mark.parametrize(
    "bag",
    [
        b"[]",
        b'"text"',
        b"null",
        b"{",
        b'{"a":1,}',
        b'{"a":01}',
        b'{"a":NaN}',
        b'{"a":"\xff"}',
        b'{"a":"\x00"}',
        b'{"a":"\\ud800"}',
        b"{" + b'"a":{' * 5000,
    ],
)
def test_a_bag_that_is_no_json_object_in_utf8_is_refused(reader: Reader, bag: bytes) -> None:
    for operation in (
        event(properties=bag),
        event(default_properties=bag),
        People(distinct_id="user_1", properties=bag),
    ):
        assert reader.refusal(operation) == "INVALID_BODY"


@pytest.mark.parametrize("garbage", ["x", "gzip", "a GZIP b", "*/*", "Deflate", "my-identity", "ACCEPT: a"])
def test_a_garbage_id_is_dropped_and_counted_apart(reader: Reader, garbage: str) -> None:
    accepted = reader.accept(
        event(distinct_id=garbage, event_name="$screen", properties=b'{"$screen_name":"home"}'),
        People(distinct_id=garbage),
        Alias(alias_id="anon_1", distinct_id=garbage),
        Alias(alias_id=garbage, distinct_id="user_1"),
        event(),
    )
    assert (accepted.events, accepted.people, accepted.aliases, accepted.discarded) == (1, 0, 0, 4)
    assert len(rows_of(accepted)) == 1
    assert accepted.commands == []


@pytest.mark.parametrize(
    ("sent", "properties", "expected"),
    [
        ("2026-05-09T14:32:01.482Z", b'{"$timestamp":"1","$time":2}', 1_778_337_121_482),
        ("nonsense", b'{"$timestamp":"1969-12-31T23:59:59.999Z","$time":2}', -1),
        ("", b'{"$timestamp":1778337121482}', 1_778_337_121_482),
        ("", b'{"$timestamp":true,"$time":"2026-05-09 14:32:01"}', 1_778_337_121_000),
        ("", b'{"$timestamp":{},"$time":1e3}', NOW_MS),
        ("", b"", NOW_MS),
        ("9999-12-31T23:59:59.999Z", b"", 253_402_300_799_999),
        ("0001-01-01T00:00:00Z", b"", -62_135_596_800_000),
    ],
)
def test_the_first_time_that_parses_is_kept(
    reader: Reader, sent: str, properties: bytes, expected: int
) -> None:
    assert reader.row(event(timestamp=sent, properties=properties))["timestamp_ms"] == expected


def test_times_of_people_and_aliases_are_their_own_or_the_servers(reader: Reader) -> None:
    person = People(distinct_id="user_1", timestamp="1", properties=b'{"$time":5}')
    assert reader.row(person)["timestamp_ms"] == 1
    assert reader.row(People(distinct_id="user_1", properties=b'{"$time":5}'))["timestamp_ms"] == NOW_MS
    assert reader.row(Alias(alias_id="anon_1", distinct_id="user_1", timestamp="7"))["timestamp_ms"] == 7


def test_the_session_is_a_text_or_the_digits_of_a_number(reader: Reader) -> None:
    assert reader.row(event(properties=b'{"$session_id":"s\\u00e9"}'))["session_id"] == "sé"
    assert reader.row(event(properties=b'{"$session_id":17}'))["session_id"] == "17"
    assert reader.row(event(properties=b'{"$session_id":{"a":1}}'))["session_id"] == ""


def test_the_device_is_the_clients_word_before_the_defaults_before_the_user_agent(reader: Reader) -> None:
    def device(**bags: bytes) -> tuple[str, str, str]:
        row = reader.row(event(**bags), user_agent=IPHONE)
        return row["os"], row["browser"], row["device_model"]

    assert device() == ("iOS", "Mobile Safari", "iPhone")
    assert device(default_properties=b'{"$os":"ios"}') == ("ios", "Mobile Safari", "iPhone")
    assert device(properties=b'{"$os":"mine","$browser":"b"}', default_properties=b'{"$os":"ios"}') == (
        "mine",
        "b",
        "iPhone",
    )
    assert device(properties=b'{"$os":null,"$browser":""}') == ("iOS", "Mobile Safari", "iPhone")


@pytest.mark.parametrize("name", ["$screen", "$screen_view"])
def test_a_screen_event_asks_for_a_capture_of_that_screen(reader: Reader, name: str) -> None:
    accepted = reader.accept(event(event_name=name, properties=b'{"$screen_name":"Home"}'), event())
    assert [command.screen for command in accepted.commands] == ["Home"]


def test_traits_are_kept_as_the_json_they_were(reader: Reader) -> None:
    row = reader.row(
        People(distinct_id="user_1", properties=b'{"plan":"pro","n":9007199254740993,"gone":null,"l":[1, 2]}')
    )
    assert row["traits"] == {"plan": '"pro"', "n": "9007199254740993", "gone": "null", "l": "[1, 2]"}


def test_aliases_come_first_then_people_then_events_each_in_the_order_sent(reader: Reader) -> None:
    accepted = reader.accept(
        event(event_name="one"),
        People(distinct_id="user_1"),
        Alias(alias_id="anon_1", distinct_id="user_1"),
        event(event_name="two"),
        People(distinct_id="user_2"),
    )
    found = rows_of(accepted)
    assert [table for table, _ in found] == [
        Table.ALIASES,
        Table.PEOPLE,
        Table.PEOPLE,
        Table.EVENTS,
        Table.EVENTS,
    ]
    rows = [row for _, row in found]
    assert [row["distinct_id"] for row in rows[1:3]] == ["user_1", "user_2"]
    assert [row["event_name"] for row in rows[3:]] == ["one", "two"]


def test_one_bad_operation_refuses_the_whole_request(reader: Reader) -> None:
    assert reader.refusal(event(), event(distinct_id=""), event()) == "MISSING_DISTINCT_ID"


def test_an_event_id_makes_a_retry_the_same_row_in_its_project_and_environment_only(reader: Reader) -> None:
    first = reader.row(event(event_id="e-1"))["id"]
    assert reader.row(event(event_id="e-1", event_name="other"), user_agent=IPHONE)["id"] == first
    assert reader.row(event(event_id="e-1"), environment=ENVIRONMENT_TEST)["id"] != first
    assert reader.row(event(event_id="e-2"))["id"] != first
    assert re.fullmatch(r"evt_[0-9A-Za-z]{21}", first)


def test_an_idempotency_key_makes_a_retry_of_the_same_body_the_same_rows(reader: Reader) -> None:
    def ids(key: str, event_name: str = "opened") -> list[str]:
        request = (
            event(),
            event(event_name=event_name),
            People(distinct_id="user_1"),
            Alias(alias_id="anon_1", distinct_id="user_1"),
        )
        return [row["id"] for _, row in rows_of(reader.accept(*request, idempotency_key=key))]

    assert ids("k") == ids("k")
    assert len(set(ids("k"))) == 4
    assert not set(ids("k")) & set(ids("l"))
    assert not set(ids("k")) & set(ids("k", "closed")), "another body under the same key is not lost"
    assert not set(ids("")) & set(ids(""))


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ({"environment": ENVIRONMENT_UNSPECIFIED}, "INVALID_ARGUMENT"),
        ({"environment": 7}, "INVALID_ARGUMENT"),
        ({"project_id": "proj_old"}, "PROJECT_ARCHIVED"),
        ({"project_id": "proj_unknown"}, "PROJECT_NOT_FOUND"),
    ],
)
def test_a_request_without_a_place_is_refused(
    reader: Reader, item: dict[str, str | Environment], reason: str
) -> None:
    assert reader.refusal(event(), **item) == reason


def test_a_request_without_operations_and_an_operation_of_no_kind_are_refused(reader: Reader) -> None:
    assert reader.refusal() == "NO_OPERATIONS"
    with pytest.raises(SankofaError):
        reader.normaliser.frame().accept(
            AppendItem(project_id="proj_a", environment=ENVIRONMENT_LIVE, operations=[Operation()])
        )


@pytest.mark.parametrize(
    "bag",
    [
        b'{"$session_id":[' + b"[]," * 500_000 + b"[]]}",
        b'{"$os":{' + b'"":{},' * 300_000 + b'"":{}}}',
        b"{" + b'"":{},' * 300_000 + b'"":{}}',
    ],
    ids=["array", "object", "keys"],
)
def test_a_bag_of_many_small_values_takes_no_more_memory_than_its_bytes(reader: Reader, bag: bytes) -> None:
    operation = event(properties=bag)
    tracemalloc.start()
    reader.accept(operation)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5 * len(bag)


def test_traits_without_end_are_refused_before_they_are_objects(reader: Reader) -> None:
    bag = b"{%b}" % b",".join(b'"%x":1' % each for each in range(500_000))
    person = People(distinct_id="user_1", properties=bag)
    tracemalloc.start()
    assert reader.refusal(person) == "TOO_MANY_PROPERTIES"
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5 * len(bag)

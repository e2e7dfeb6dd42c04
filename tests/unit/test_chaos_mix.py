"""What the clients of `residency chaos` send, and the fingerprints that it is known by."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from cli.chaos import prints
from cli.chaos.journal import Once, Table
from cli.chaos.mix import Mix, Request
from tests.support.nodes import EU

KEYS = {"live": "sk_live_x", "test": "sk_test_x"}
NOW_MS = 1_778_337_121_000


def requests(seed: int, count: int) -> list[Request]:
    mix = Mix(seed=seed, client="eu.c1", region=EU, project_id="proj_a", keys=KEYS, now_ms=NOW_MS)
    return [mix.next() for _ in range(count)]


class Payload(msgspec.Struct):
    """Any operation; bags as the text that was sent."""

    distinct_id: str
    timestamp: str
    event_name: str = ""
    alias_id: str = ""
    properties: msgspec.Raw = msgspec.Raw(b"{}")
    default_properties: msgspec.Raw = msgspec.Raw(b"{}")
    lib_version: str = ""
    event_id: str = ""


class Step(msgspec.Struct):
    type: str
    payload: Payload


class Batch(msgspec.Struct):
    operations: list[Step]


def steps(request: Request) -> list[Step]:
    if request.path == "/api/v1/batch":
        return msgspec.json.decode(request.body, type=Batch).operations
    kind = request.path.rpartition("/")[2]
    return [Step(kind, msgspec.json.decode(request.body, type=Payload))]


def print_of(step: Step, where: dict[str, str], **changes: Any) -> tuple[str, bytes]:
    """Name and fingerprint, from what went over the wire and nothing else."""
    payload = step.payload
    moment = datetime.fromisoformat(payload.timestamp) - datetime(1970, 1, 1, tzinfo=UTC)
    fields: dict[str, Any] = {"timestamp_ms": moment // timedelta(milliseconds=1), **where, **changes}
    text = bytes(payload.properties).decode()
    if step.type == "alias":
        ids = {"alias_id": payload.alias_id, "distinct_id": payload.distinct_id}
        return prints.name_in_alias(payload.alias_id), prints.alias(**(ids | fields))
    bags = msgspec.json.decode(payload.properties, type=dict[str, msgspec.Raw])
    if step.type == "people":
        traits = {key: bytes(value).decode() for key, value in bags.items()}
        mark = prints.people(**({"distinct_id": payload.distinct_id, "traits": traits} | fields))
        return prints.name_in_traits(traits), mark
    sent: dict[str, Any] = {
        "event_name": payload.event_name,
        "distinct_id": payload.distinct_id,
        "properties": text,
        "default_properties": bytes(payload.default_properties).decode(),
        "lib_version": payload.lib_version,
        "event_id": payload.event_id,
        "session_id": msgspec.json.decode(bags.get("$session_id", msgspec.Raw(b'""'))),
    }
    return prints.name_in_properties(text), prints.event(**(sent | fields))


def test_the_same_seed_sends_the_same_and_another_seed_something_else() -> None:
    assert [one.body for one in requests(1, 50)] == [one.body for one in requests(1, 50)]
    assert [one.body for one in requests(1, 50)] != [one.body for one in requests(2, 50)]


def test_single_operations_batches_both_environments_and_every_way_to_send_again_are_in_it() -> None:
    made = requests(1, 400)
    paths = Counter(one.path.rpartition("/")[2] for one in made)
    assert set(paths) == {"track", "people", "alias", "batch"} and min(paths.values()) > 5
    assert {one.sent.environment for one in made} == {"live", "test"}
    assert {one.sent.once for one in made} == set(Once)
    tables = {operation.table for one in made for operation in one.sent.operations}
    assert tables == set(Table)
    for one in made:
        assert one.headers["x-api-key"] == KEYS[one.sent.environment]
        assert ("idempotency-key" in one.headers) == (one.sent.once is Once.KEY)


def test_every_operation_is_known_by_what_went_over_the_wire() -> None:
    for request in requests(3, 200):
        sent = request.sent
        where = {"project_id": sent.project_id, "environment": sent.environment}
        wire = [print_of(step, where) for step in steps(request)]
        assert wire == [
            (name, operation.print) for name, operation in zip(sent.names(), sent.operations, strict=True)
        ]
        for step in steps(request):
            if sent.once is Once.EVENT_ID:
                assert step.payload.event_id


@pytest.mark.parametrize(
    "change", [{"timestamp_ms": 1}, {"distinct_id": "x"}, {"project_id": "x"}, {"environment": "x"}]
)
def test_whatever_is_altered_makes_another_fingerprint(change: dict[str, Any]) -> None:
    for request in requests(4, 40):
        sent = request.sent
        where = {"project_id": sent.project_id, "environment": sent.environment}
        for step, operation in zip(steps(request), sent.operations, strict=True):
            assert print_of(step, where, **change)[1] != operation.print


@pytest.mark.parametrize(
    "field",
    ["event_name", "properties", "default_properties", "lib_version", "event_id", "session_id"],
)
def test_an_event_altered_in_any_field_has_another_fingerprint(field: str) -> None:
    where = {"project_id": "proj_a", "environment": "live"}
    step = next(step for one in requests(5, 40) for step in steps(one) if step.type == "track")
    assert print_of(step, where, **{field: '{"u":"x"}'})[1] != print_of(step, where)[1]

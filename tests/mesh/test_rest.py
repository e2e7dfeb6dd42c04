"""The shim over real HTTP, in front of a cell that records what it is sent, and of a real one."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from sankofa.residency.v1.environment_pb2 import Environment
from sankofa.residency.v1.error_pb2 import ErrorReason
from tests.support import rows
from tests.support.cell import Cell
from tests.support.nodes import EU, US
from tests.support.recorded import Recorded, event_loop_policy, shim
from tests.support.shim import (
    BEARER,
    DASHBOARD,
    FOREIGN,
    LIVE,
    SHELVED,
    TEST,
    TRACK,
    start_shim,
)

pytestmark = [pytest.mark.network, pytest.mark.disk]

__all__ = ["event_loop_policy", "shim"]
"""Fixtures, under which pytest finds them here."""


async def test_an_event_reaches_the_cell_with_its_properties_byte_for_byte(shim: Recorded) -> None:
    bag = '{"big": 9007199254740993, "nested":{"ü":[ ],"n":null}}'
    body = f'{{"event_name":"tap","distinct_id":"user_1","timestamp":1778336001482,"properties":{bag}}}'
    headers = {"x-api-key": TEST, "user-agent": "Phone/1", "idempotency-key": "once"}
    answer = await shim.http.post("/api/v1/track", headers=headers, content=body.encode())
    assert (answer.status_code, answer.text) == (200, '{"ok":true,"commands":[]}')
    (item,) = shim.cell.items
    assert (item.project_id, item.environment) == ("proj_here", Environment.ENVIRONMENT_TEST)
    assert (item.user_agent, item.idempotency_key, item.traceparent) == ("Phone/1", "once", "")
    assert item.operations[0].track.properties == bag.encode()
    assert item.operations[0].track.timestamp == "1778336001482"


async def test_people_and_alias_answer_200_with_no_body(shim: Recorded) -> None:
    for path, body in (
        ("people", {"distinct_id": "user_1", "properties": {"plan": "pro"}}),
        ("alias", {"alias_id": "anon", "distinct_id": "user_1"}),
    ):
        answer = await shim.http.post(f"/api/v1/{path}", headers={"x-api-key": LIVE}, json=body)
        assert (answer.status_code, answer.content) == (200, b"")
    assert [item.operations[0].WhichOneof("kind") for item in shim.cell.items] == ["people", "alias"]


async def test_a_batch_answers_with_the_project_and_the_counts(shim: Recorded) -> None:
    operations = [
        {"type": "track", "payload": {"event_name": "$screen", "distinct_id": "user_1"}},
        {"type": "track", "payload": {"event_name": "tap", "distinct_id": "x"}},
        {"type": "people", "payload": {"distinct_id": "user_1", "properties": {}}},
        {"type": "alias", "payload": {"alias_id": "anon", "distinct_id": "user_1"}},
    ]
    answer = await shim.http.post(
        "/api/v1/batch", headers={"x-api-key": LIVE}, json={"operations": operations}
    )
    assert answer.json() == {
        "ok": True,
        "project_id": "proj_here",
        "project_name": "Web shop",
        "environment": "live",
        "operations_received": 3,
        "events_received": 1,
        "people_received": 1,
        "aliases_received": 1,
        "commands": [{"type": "CAPTURE_PRISTINE", "params": {"screen": "Home"}}],
    }


async def test_garbage_ids_answer_202(shim: Recorded) -> None:
    answer = await shim.track(distinct_id="x")
    assert (answer.status_code, answer.json()) == (202, {"ok": True, "status": "discarded"})
    batch = {"operations": [{"type": "track", "payload": {"event_name": "tap", "distinct_id": "x"}}]}
    answer = await shim.http.post("/api/v1/batch", headers={"x-api-key": LIVE}, json=batch)
    assert (answer.status_code, answer.json()) == (202, {"ok": True, "status": "discarded_all"})


@pytest.mark.parametrize(
    ("keys", "status", "text"),
    [
        ([], 401, "Missing API key"),
        ([""], 401, "Missing API key"),
        (["sk_live_unknown"], 403, "Invalid API Key"),
        ([FOREIGN], 403, "Invalid API Key"),
        ([SHELVED], 403, "Invalid API Key"),
        ([LIVE, LIVE], 403, "Invalid API Key"),
    ],
)
async def test_a_bad_key_is_refused_and_the_connection_closed(
    shim: Recorded, keys: list[str], status: int, text: str
) -> None:
    headers = [("x-api-key", key) for key in keys]
    answer = await shim.http.post("/api/v1/track", headers=headers, json=TRACK)
    assert (answer.status_code, answer.json()["error"]) == (status, text)
    assert answer.headers["connection"] == "close"
    assert not shim.cell.items


async def test_space_around_a_key_is_not_part_of_it(shim: Recorded) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", shim.server.public_port)
    body = b'{"event_name":"opened","distinct_id":"user_1"}'
    key, length = f"X-Api-Key: \t {LIVE} \t", f"content-length: {len(body)}"
    head = f"POST /api/v1/track HTTP/1.1\r\nhost: x\r\n{key}\r\n{length}\r\n\r\n"
    writer.write(head.encode() + body)
    assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    writer.close()


async def test_a_bad_key_is_refused_before_the_body_is_sent(shim: Recorded) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", shim.server.public_port)
    writer.write(b"POST /api/v1/track HTTP/1.1\r\nhost: x\r\nx-api-key: no\r\ncontent-length: 900000\r\n\r\n")
    async with asyncio.timeout(5):
        answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 403")
    assert b"x-sankofa-region: eu-west-1" in answer
    writer.close()


async def test_what_ingest_refuses_is_answered_in_the_public_words(shim: Recorded) -> None:
    shim.cell.refuse["nobody"] = ErrorReason.ERROR_REASON_MISSING_EVENT_NAME
    answer = await shim.track(distinct_id="nobody")
    assert (answer.status_code, answer.json()["error"]) == (400, "Missing event_name")
    shim.cell.refuse["nobody"] = ErrorReason.ERROR_REASON_LOG_FULL
    answer = await shim.track(distinct_id="nobody")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


async def test_a_body_over_the_limit_is_refused_also_when_it_is_a_bomb(shim: Recorded) -> None:
    bomb = gzip.compress(b" " * (64 << 20))
    headers = {"x-api-key": LIVE, "content-encoding": "gzip"}
    answer = await shim.http.post("/api/v1/track", headers=headers, content=bomb)
    assert answer.status_code == 413
    answer = await shim.http.post("/api/v1/track", headers={"x-api-key": LIVE}, content=b" " * (2 << 20))
    assert answer.status_code == 413

    async def unending() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield b" " * 65536

    answer = await shim.http.post("/api/v1/track", headers={"x-api-key": LIVE}, content=unending())
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/api/v1/track", 405),
        ("PUT", "/api/v1/projects", 405),
        ("OPTIONS", "/api/v1/track", 204),
        ("OPTIONS", "/api/v1/projects", 405),
        ("GET", "/healthz", 200),
        ("HEAD", "/healthz", 200),
        ("GET", "/openapi.json", 200),
        ("POST", "/api/v1/auth/login", 400),
        ("GET", "/api/v1/projects/proj_here", 401),
    ],
)
async def test_every_answer_names_its_region_and_request(
    shim: Recorded, method: str, path: str, status: int
) -> None:
    answer = await shim.http.request(method, path, headers={"x-request-id": "mine.1"})
    assert answer.status_code == status
    assert answer.headers["x-sankofa-region"] == EU
    assert answer.headers["x-request-id"] == "mine.1"
    if status >= 400:
        assert answer.json()["ok"] is False
        assert answer.json()["request_id"] == "mine.1"
    if status == 405:
        assert answer.headers["allow"]


async def test_what_is_not_http_is_answered_in_the_shims_own_shape(shim: Recorded) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", shim.server.public_port)
    writer.write(b"NONSENSE\r\n\r\n")
    async with asyncio.timeout(5):
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400")
    assert b"x-sankofa-region: eu-west-1" in head
    assert b"x-request-id: " in head
    assert body.startswith(b'{"ok":false,"error":"Invalid request"')
    writer.close()


async def test_a_crash_answers_500_in_the_error_shape(
    shim: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shim.directory, "keys", None)
    answer = await shim.track()
    assert (answer.status_code, answer.json()["error"]) == (500, "Internal error")
    assert answer.headers["x-sankofa-region"] == EU


async def test_any_page_may_ingest_and_only_dashboards_may_manage(shim: Recorded) -> None:
    asks = {
        "origin": "https://shop.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "x-api-key, content-type",
    }
    answer = await shim.http.options("/api/v1/track", headers=asks)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-allow-headers"] == "x-api-key, content-type"
    stranger = await shim.http.options("/api/v1/projects", headers=asks)
    assert stranger.status_code == 204
    assert "access-control-allow-origin" not in stranger.headers
    own = await shim.http.options("/api/v1/projects", headers={**asks, "origin": DASHBOARD})
    assert own.headers["access-control-allow-origin"] == DASHBOARD
    refused = await shim.http.get("/api/v1/projects", headers={"origin": DASHBOARD})
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, DASHBOARD)


async def test_a_sampled_request_passes_its_trace_on_and_spans_hold_no_values(shim: Recorded) -> None:
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {"x-api-key": LIVE, "traceparent": f"00-{trace_id}-00f067aa0ba902b7-01"}
    await shim.http.post("/api/v1/track", headers=headers, json=TRACK)
    assert shim.cell.items[0].traceparent.startswith(f"00-{trace_id}-")
    await shim.http.get("/api/v1/projects/proj_secret/people/ada", headers=headers)
    names = [span.name for span in shim.rest.spans if span.name.startswith(("POST", "GET"))]
    assert names == ["POST /api/v1/track", "GET /api/v1/projects/{project_id}/people/{distinct_id}"]
    assert "ada" not in str([dict(span.attributes or {}) for span in shim.rest.spans])


async def test_an_unsampled_request_writes_no_span(shim: Recorded) -> None:
    await shim.track()
    assert not [span for span in shim.rest.spans if span.name.startswith("POST")]
    assert shim.cell.items[0].traceparent == ""


async def test_events_come_back_as_they_were_stored(shim: Recorded) -> None:
    answer = await shim.http.get(
        "/api/v1/projects/proj_here/events?environment=test&distinct_id=u%2F1&since=2026-05-09T00:00:00Z&limit=7",
        headers={"authorization": "Bearer abc"},
    )
    assert answer.status_code == 200
    assert '"properties":{"big": 9007199254740993, "empty":[]}' in answer.text
    (event,) = answer.json()["events"]
    assert (event["timestamp"], event["received_at"]) == (
        "0001-01-01T00:00:00.000Z",
        "9999-12-31T23:59:59.999Z",
    )
    assert answer.json()["next_cursor"] == "more"
    (asked,) = shim.cell.asked
    assert asked.scope.environment == Environment.ENVIRONMENT_TEST
    assert (asked.filter.distinct_id, asked.filter.since_unix_ms, asked.limit) == ("u/1", 1778284800000, 7)


async def test_a_project_of_another_region_is_not_found_here(shim: Recorded) -> None:
    headers = {"authorization": "Bearer abc"}
    for path in ("", "/events", "/people/ada"):
        answer = await shim.http.get(f"/api/v1/projects/proj_there{path}", headers=headers)
        assert (answer.status_code, answer.json()["error"]) == (404, "Project not found")


async def test_a_region_is_never_changed(shim: Recorded) -> None:
    path, body = "/api/v1/projects/proj_here", {"region": US}
    answer = await shim.http.patch(path, headers={"authorization": f"Bearer {BEARER}"}, json=body)
    assert (answer.status_code, answer.json()["error"]) == (400, "A project's region is never changed")
    answer = await shim.http.patch(path, headers={"authorization": "Bearer abc"}, json=body)
    assert answer.status_code == 401


async def test_an_event_goes_in_over_rest_and_comes_back_from_a_query(pki: Path, cell: Cell) -> None:
    project_id = await cell.project()
    key = "sk_live_" + "a" * 32
    await cell.directory.apply([rows.api_key(key, EU, project_id)])
    async with AsyncExitStack() as stack:
        address = f"127.0.0.1:{cell.server.internal_port}"
        running = await start_shim(stack, pki, cell.directory, cell_address=address)
        bag = '{"big": 9007199254740993, "nested":{"ü":[],"n":null}}'
        event = f'{{"event_name":"tap","distinct_id":"user_1","properties":{bag}}}'
        sent = await running.http.post("/api/v1/track", headers={"x-api-key": key}, content=event.encode())
        assert (sent.status_code, sent.json()) == (200, {"ok": True, "commands": []})
        await cell.flushed()
        token = await cell.token(project_id)
        answer = await running.http.get(
            f"/api/v1/projects/{project_id}/events", headers={"authorization": f"Bearer {token}"}
        )
        assert f'"properties":{bag}' in answer.text
        missing = await running.http.post("/api/v1/track", headers={"x-api-key": key}, json={})
        assert (missing.status_code, missing.json()["error"]) == (400, "Missing event_name")

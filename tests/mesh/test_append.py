"""The Append stream over mTLS: guard per request, one commit per frame, and what is told of it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from mesh.errors import CrossingRefused, SankofaError
from sankofa.ingest.v1.ingest_pb2 import Alias, AppendRequest, AppendResult, Command, People, Track
from sankofa.ingest.v1.ingest_pb2_grpc import IngestServiceStub
from sankofa.residency.v1.environment_pb2 import ENVIRONMENT_TEST
from sankofa.residency.v1.error_pb2 import ErrorReason
from storage.analytics.engine import Engine
from tests.support import rows
from tests.support.cell import Cell, item, open_cell
from tests.support.nodes import EU, US, MemoryDirectory, make_node

pytestmark = [pytest.mark.disk, pytest.mark.network]

OPENED = Track(event_name="opened", distinct_id="user_1")


def reason(result: AppendResult) -> str:
    return ErrorReason.Name(result.error).removeprefix("ERROR_REASON_")


async def test_a_request_is_on_disk_when_it_is_answered(cell: Cell) -> None:
    project = await cell.project()
    person = People(distinct_id="user_1", properties=b'{"plan":"pro"}')
    alias = Alias(alias_id="anon_1", distinct_id="user_1")
    garbage = Track(event_name="opened", distinct_id="gzip")
    before = cell.log.stats().appended
    (result,) = await cell.append(item(project, OPENED, person, alias, garbage, OPENED, request_id=77))
    assert result == AppendResult(request_id=77, events=2, people=1, aliases=1, discarded=1)
    assert cell.log.stats().appended == before + 4


async def test_a_refused_request_of_a_frame_leaves_the_others_alone(cell: Cell) -> None:
    here, archived = await cell.project(), await cell.project(state="archived")
    results = await cell.append(
        item(here, OPENED),
        item(archived, OPENED),
        item(here, OPENED, Track(event_name="opened")),
        item(here, Track(event_name="$screen", distinct_id="user_1", properties=b'{"$screen_name":"Home"}')),
    )
    assert [reason(result) for result in results] == [
        "UNSPECIFIED",
        "PROJECT_ARCHIVED",
        "MISSING_DISTINCT_ID",
        "UNSPECIFIED",
    ]
    assert [result.events for result in results] == [1, 0, 0, 1]
    assert [command.screen for command in results[3].commands] == ["Home"]


async def test_one_frame_is_one_commit(cell: Cell) -> None:
    project = await cell.project()
    before = cell.log.stats().appended
    results = await cell.append(*(item(project, OPENED) for _ in range(50)))
    assert [result.error for result in results] == [0] * 50
    assert cell.log.stats().appended == before + 50


async def test_a_large_batch_is_one_commit_too(cell: Cell) -> None:
    project = await cell.project()
    before = cell.log.stats().appended
    (whole, refused) = await cell.append(
        item(project, *[OPENED] * 3_000), item(project, *[OPENED] * 3_000, Track(event_name="opened"))
    )
    assert (whole.events, reason(refused)) == (3_000, "MISSING_DISTINCT_ID")
    assert cell.log.stats().appended == before + 3_000


async def test_frames_of_one_stream_are_answered_in_turn(cell: Cell) -> None:
    project = await cell.project()
    stream = IngestServiceStub(cell.channel()).Append()
    for number in range(5):
        await stream.write(AppendRequest(items=[item(project, OPENED, request_id=number)]))
        response = await stream.read()
        assert [result.request_id for result in response.results] == [number]
    stream.cancel()


async def test_a_callers_guard_keeps_an_item_of_another_region_from_leaving(cell: Cell) -> None:
    elsewhere = await cell.project(region=US)
    with pytest.raises(CrossingRefused):
        await cell.append(item(elsewhere, OPENED))


async def test_an_item_that_a_mistaken_caller_sends_is_refused_here(cell: Cell) -> None:
    """The caller's directory has a wrong pin; the cell's knows pins of its own region only."""
    elsewhere, unknown, here = await cell.project(region=US), "proj_unknown", await cell.project()
    believing = MemoryDirectory(pins={elsewhere: EU, unknown: EU, here: EU})
    caller = make_node(cell.pki, region=EU, role="rest", directory=believing).node
    channel = caller.channel(EU, f"127.0.0.1:{cell.server.internal_port}")
    cell.stack.push_async_callback(channel.close)
    sent = [item(elsewhere, OPENED), item(unknown, OPENED), item(here, OPENED)]
    results = await cell.append(*sent, channel=channel)
    assert [reason(result) for result in results] == ["PIN_UNKNOWN", "PIN_UNKNOWN", "UNSPECIFIED"]


async def test_a_process_of_another_region_opens_no_stream(cell: Cell) -> None:
    project = await cell.project()
    with pytest.raises(SankofaError):
        await cell.append(item(project, OPENED), channel=cell.channel(region=US))


async def test_a_pinned_project_that_has_not_arrived_here_is_refused(cell: Cell) -> None:
    await cell.directory.apply([rows.pin("proj_half", EU)])
    (result,) = await cell.append(item("proj_half", OPENED))
    assert reason(result) == "PROJECT_NOT_FOUND"


async def test_a_full_log_refuses_what_it_can_not_keep_and_stores_no_half(
    pki: Path, tmp_path: Path, engine: Engine
) -> None:
    async with open_cell(pki, tmp_path / "small", engine, log_bytes=1 << 20) as cell:
        project = await cell.project()
        large = Track(event_name="opened", distinct_id="user_1", properties=b'{"a":"' + b"x" * 40_000 + b'"}')
        garbage = Track(event_name="opened", distinct_id="x")
        before = cell.log.stats().appended
        results = await cell.append(
            item(project, *[large] * 40), item(project, OPENED), item(project, garbage), item(project)
        )
        assert [reason(result) for result in results] == [
            "LOG_FULL",
            "UNSPECIFIED",
            "UNSPECIFIED",
            "NO_OPERATIONS",
        ]
        assert cell.log.stats().appended == before + 1


async def test_an_idempotency_key_is_stored_once_and_refused_for_another_body(cell: Cell) -> None:
    project, before = await cell.project(), cell.log.stats().appended
    screen = Track(event_name="$screen", distinct_id="user_1", properties=b'{"$screen_name":"Home"}')
    garbage = Track(event_name="opened", distinct_id="gzip")
    first, again, other, elsewhere = await cell.append(
        item(project, screen, OPENED, garbage, idempotency_key="k"),
        item(project, screen, OPENED, garbage, idempotency_key="k"),
        item(project, OPENED, idempotency_key="k"),
        item(project, OPENED, idempotency_key="k", environment=ENVIRONMENT_TEST),
    )
    again.request_id = first.request_id
    assert (
        again
        == first
        == AppendResult(request_id=first.request_id, events=2, discarded=1, commands=[Command(screen="Home")])
    )
    assert (reason(other), reason(elsewhere)) == ("IDEMPOTENCY_KEY_REUSED", "UNSPECIFIED")
    assert cell.log.stats().appended == before + 3


async def test_two_shims_that_send_the_same_key_at_once_store_it_once(cell: Cell) -> None:
    project, before = await cell.project(), cell.log.stats().appended
    requests = [item(project, OPENED, idempotency_key="k") for _ in range(20)]
    answers = await asyncio.gather(*(cell.append(request, channel=cell.channel()) for request in requests))
    assert [answer.error for (answer,) in answers] == [0] * 20
    assert cell.log.stats().appended == before + 1

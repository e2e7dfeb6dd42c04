"""Frames of one stream in the cell: one is read while the commit of the one before runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from mesh.context import CallContext, enter
from mesh.directory import ProjectFact
from mesh.errors import Unavailable
from mesh.identity import Identity
from sankofa.ingest.v1.ingest_pb2 import AppendItem, AppendRequest, Operation, Track
from sankofa.residency.v1.environment_pb2 import ENVIRONMENT_LIVE
from services.ingest.core import Normaliser
from services.ingest.service import IngestService
from services.ingest.user_agent import UserAgents
from storage.log import Append, Outcome
from tests.support.nodes import EU, MemoryDirectory


@dataclass
class SlowLog:
    """Commits when it is told to."""

    begun: list[asyncio.Future[list[Outcome]]] = field(default_factory=list)

    async def append(self, appends: Sequence[Append]) -> list[Outcome]:
        self.begun.append(asyncio.get_running_loop().create_future())
        return await self.begun[-1]


class Stream:
    """What a caller has sent so far, without an end until it is cut."""

    def __init__(self) -> None:
        self.sent: asyncio.Queue[AppendRequest | None] = asyncio.Queue()

    def send(self, request_id: int) -> None:
        track = Track(event_name="tap", distinct_id="ada")
        item = AppendItem(request_id=request_id, project_id="proj_1", environment=ENVIRONMENT_LIVE)
        item.operations.append(Operation(track=track))
        self.sent.put_nowait(AppendRequest(items=[item]))

    async def __aiter__(self) -> AsyncIterator[AppendRequest]:
        while (frame := await self.sent.get()) is not None:
            yield frame


@pytest.fixture
def log() -> SlowLog:
    return SlowLog()


@pytest.fixture
def service(log: SlowLog) -> IngestService:
    return made(log, max_frames=8)


def made(log: SlowLog, *, max_frames: int) -> IngestService:
    directory = MemoryDirectory(projects={"proj_1": ProjectFact("proj_1", "org_1", "Shop", "active")})
    normaliser = Normaliser(directory=directory, user_agents=UserAgents(), now_ms=lambda: 1)
    enter(CallContext(Identity("rest", EU), "/sankofa.ingest.v1.IngestService/Append", None, lambda _: None))
    return IngestService(log=log, normaliser=normaliser, max_frames=max_frames)


def answers_of(service: IngestService, stream: Stream) -> AsyncIterator[Any]:
    context: Any = None
    return aiter(service.Append(aiter(stream), context))


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_the_next_frame_is_read_while_a_commit_runs_and_the_one_after_it_waits(
    service: IngestService, log: SlowLog
) -> None:
    stream = Stream()
    for request_id in (1, 2, 3):
        stream.send(request_id)
    answers = answers_of(service, stream)
    first = asyncio.ensure_future(anext(answers))
    await settled()
    assert len(log.begun) == 2
    log.begun[0].set_result([1])
    assert [result.request_id for result in (await first).results] == [1]
    await settled()
    assert len(log.begun) == 3


async def test_answers_come_in_the_order_of_the_frames(service: IngestService, log: SlowLog) -> None:
    stream = Stream()
    stream.send(1)
    stream.send(2)
    answers = answers_of(service, stream)
    first = asyncio.ensure_future(anext(answers))
    await settled()
    log.begun[1].set_result([2])
    await settled()
    assert not first.done()
    log.begun[0].set_result([1])
    assert [(await first).results[0].request_id, (await anext(answers)).results[0].request_id] == [1, 2]
    stream.sent.put_nowait(None)
    assert await anext(answers, None) is None


@pytest.mark.parametrize("max_frames", [8, 1], ids=["both are read", "one waits for room"])
async def test_a_stream_that_ends_with_frames_on_it_gives_their_places_back(
    log: SlowLog, max_frames: int
) -> None:
    service, stream = made(log, max_frames=max_frames), Stream()
    stream.send(1)
    stream.send(2)
    answers = answers_of(service, stream)
    first = asyncio.ensure_future(anext(answers))
    await settled()
    assert service.gauges()["ingest_frames"] == 2
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    await settled()
    assert service.gauges()["ingest_frames"] == 0


async def test_a_log_that_fails_ends_the_stream_with_its_error(service: IngestService, log: SlowLog) -> None:
    stream = Stream()
    stream.send(1)
    stream.send(2)
    answers = answers_of(service, stream)
    first = asyncio.ensure_future(anext(answers))
    await settled()
    log.begun[0].set_exception(Unavailable())
    with pytest.raises(Unavailable):
        await first
    await settled()
    assert service.gauges()["ingest_frames"] == 0

"""Requests that share frames: what waits, what breaks, who leaves, who is refused."""

from __future__ import annotations

import asyncio
from hashlib import sha256
from typing import Literal

import pytest

from mesh.directory import KeyFact, ProjectFact
from sankofa.residency.v1.environment_pb2 import Environment
from tests.support.nodes import EU
from tests.support.recorded import Recorded, event_loop_policy, shim
from tests.support.shim import (
    LIVE,
    until,
)

pytestmark = [pytest.mark.network, pytest.mark.disk]

__all__ = ["event_loop_policy", "shim"]
"""Fixtures, under which pytest finds them here."""


async def test_what_waits_while_a_frame_is_committed_becomes_the_next_frame(shim: Recorded) -> None:
    shim.cell.gate.clear()
    first = asyncio.create_task(shim.track())
    await until(lambda: shim.cell.frames)
    others = [asyncio.create_task(shim.track()) for _ in range(5)]
    await until(lambda: shim.waiting() == 5)
    shim.cell.gate.set()
    answers = await asyncio.gather(first, *others)
    assert [answer.status_code for answer in answers] == [200] * 6
    assert [len(frame.items) for frame in shim.cell.frames] == [1, 5]


async def test_more_than_may_wait_is_answered_503_at_once(shim: Recorded) -> None:
    """Ten requests may be in hand, eight of them of one project alone."""
    shim.cell.gate.clear()
    waiting = [asyncio.create_task(shim.track()) for _ in range(8)]
    await until(lambda: shim.waiting() == 8 - len(shim.cell.items) and len(shim.cell.items) >= 1)
    answer = await shim.track()
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    shim.cell.gate.set()
    assert {answer.status_code for answer in await asyncio.gather(*waiting)} == {200}


async def test_a_broken_stream_answers_503_is_never_resent_and_heals(shim: Recorded) -> None:
    shim.cell.gate.clear()
    lost = asyncio.create_task(shim.track())
    await until(lambda: shim.cell.frames)
    shim.cell.cut = True
    shim.cell.gate.set()
    assert (await lost).status_code == 503
    assert len(shim.cell.items) == 1
    shim.cell.cut = False
    assert (await shim.track()).status_code == 200
    assert len(shim.cell.items) == 2


async def test_a_client_that_leaves_does_not_disturb_the_others(shim: Recorded) -> None:
    shim.cell.gate.clear()
    stays = asyncio.create_task(shim.track())
    await until(lambda: shim.cell.frames)
    leaves = asyncio.create_task(shim.track())
    also_stays = asyncio.create_task(shim.track())
    await until(lambda: shim.waiting() == 2)
    leaves.cancel()
    shim.cell.gate.set()
    assert [(await task).status_code for task in (stays, also_stays)] == [200, 200]


def _lose_the_pin_of_a_project(shim: Recorded) -> None:
    """Of the project of the key "sk_lost"."""
    shim.directory.projects["proj_lost"] = ProjectFact("proj_lost", "org_1", "Lost", "active")
    live = Environment.ENVIRONMENT_LIVE
    shim.directory.keys[sha256(b"sk_lost").digest()] = KeyFact("key_9", "proj_lost", live, EU)


class OneAtATime(asyncio.Event):
    """Lets one waiter through each time it is set."""

    async def wait(self) -> Literal[True]:
        await super().wait()
        self.clear()
        return True


async def test_one_project_that_the_guard_refuses_does_not_fail_the_frame_it_is_in(shim: Recorded) -> None:
    _lose_the_pin_of_a_project(shim)
    shim.cell.gate.clear()
    first = asyncio.create_task(shim.track())
    await until(lambda: shim.cell.frames)
    lost, good = asyncio.create_task(shim.track(key="sk_lost")), asyncio.create_task(shim.track())
    await until(lambda: shim.waiting() == 2)
    shim.cell.gate.set()
    assert [(await task).status_code for task in (first, lost, good)] == [200, 403, 200]


async def test_a_stream_that_breaks_while_a_refused_frame_goes_again_leaves_nobody_waiting(
    shim: Recorded,
) -> None:
    _lose_the_pin_of_a_project(shim)
    gate = shim.cell.gate = OneAtATime()
    first = asyncio.create_task(shim.track())
    await until(lambda: shim.cell.frames)
    keys = ("sk_lost", LIVE, LIVE, LIVE)
    others = [asyncio.create_task(shim.track(key=key)) for key in keys]
    await until(lambda: shim.waiting() == 4)
    gate.set()
    await until(lambda: len(shim.cell.frames) == 2)
    shim.cell.cut = True
    gate.set()
    async with asyncio.timeout(5):
        answers = await asyncio.gather(first, *others)
    statuses = [answer.status_code for answer in answers]
    assert (statuses[0], sorted(statuses[1:])) == (200, [403, 503, 503, 503])

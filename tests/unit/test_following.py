"""A call follows its organisation: what a shim does that knows too late where that is."""

from __future__ import annotations

from typing import Any

import pytest

from mesh.errors import CrossingRefused, NotFound, SankofaError, Unavailable
from sankofa.org.v1.org_pb2 import ListProjectsRequest, ListProjectsResponse
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.rest.following import FollowingChannel, Waits

MOVED = CrossingRefused(ErrorReason.ERROR_REASON_ORG_MOVED)
MOVING = Unavailable(ErrorReason.ERROR_REASON_ORG_MOVING)
METHOD = "/sankofa.org.v1.OrgService/ListProjects"
ANSWER = ListProjectsResponse()


class Region:
    """Answers as it is told, one refusal after another, then with the answer."""

    def __init__(self, *refusals: SankofaError) -> None:
        self.refusals = list(refusals)
        self.timeouts: list[float] = []

    def unary_unary(self, method: str, *args: Any, **kwargs: Any) -> Any:
        async def call(request: object, *, timeout: float, metadata: object) -> ListProjectsResponse:
            self.timeouts.append(timeout)
            if self.refusals:
                raise self.refusals.pop(0)
            return ANSWER

        return call


async def ask(old: Region, *later: Region, timeout: float = 10.0) -> ListProjectsResponse:
    places = iter(later)

    async def primary_of(org_id: str) -> Any:
        assert org_id == "org_1"
        return next(places)

    channel = FollowingChannel(old, primary_of)  # type: ignore[arg-type]
    request = ListProjectsRequest(org_id="org_1")
    answer: ListProjectsResponse = await channel.unary_unary(METHOD)(request, timeout=timeout)
    return answer


async def test_a_read_that_comes_too_late_is_answered_by_the_region_that_has_the_organisation() -> None:
    old, stale, new = Region(MOVED), Region(MOVED), Region()
    assert await ask(old, stale, new) is ANSWER
    assert old.timeouts[0] > stale.timeouts[0] > new.timeouts[0], "one deadline for all of them"


async def test_what_waits_for_a_fence_finds_the_organisation_elsewhere_when_it_opens() -> None:
    assert await ask(Region(MOVING), Region(MOVING), Region(MOVED), Region()) is ANSWER


async def test_another_refusal_is_the_answer() -> None:
    with pytest.raises(NotFound):
        await ask(Region(NotFound()))


async def test_it_ends_with_the_deadline() -> None:
    with pytest.raises(CrossingRefused):
        await ask(Region(MOVED), *(Region(MOVED) for _ in range(10)), timeout=0.2)


async def test_a_change_waits_less_long_than_what_is_only_elsewhere() -> None:
    times = iter((0.0, *(5.0,) * 10))
    waits = Waits(60.0, clock_s=lambda: next(times))
    assert not await waits.for_(MOVING)
    assert await waits.for_(MOVED)
    assert not await waits.for_(Unavailable())

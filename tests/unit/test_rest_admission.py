"""The door of a shim: what is in hand is bounded, by project, and a cell without room is not asked again."""

from __future__ import annotations

import pytest

from mesh.errors import SankofaError
from sankofa.ingest.v1.ingest_pb2 import AppendResult
from sankofa.residency.v1 import error_pb2
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.rest.admission import Admitted, Door

OK = AppendResult(events=1)
MIB = 1 << 20


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def door(clock: Clock) -> Door:
    return Door(max_requests=100, max_bytes=10 * MIB, project_share=0.8, clock=clock)


def refusal(door: Door, project: str = "proj_a", size: int | None = 1) -> tuple[str, int]:
    with pytest.raises(SankofaError) as refused:
        door.enter(project, size)
    assert refused.value.http_status == 503
    name = ErrorReason.Name(refused.value.reason).removeprefix("ERROR_REASON_")
    return name, refused.value.retry_after_s


def fill(door: Door, project: str, size: int = 0) -> list[Admitted]:
    held = []
    while True:
        try:
            held.append(door.enter(project, size))
        except SankofaError:
            return held


def full(retry_after_s: int, reason: ErrorReason = error_pb2.ERROR_REASON_LOG_FULL) -> AppendResult:
    return AppendResult(error=reason, retry_after_s=retry_after_s)


def told(door: Door, admitted: Admitted, result: AppendResult) -> None:
    with pytest.raises(SankofaError):
        door.answered(admitted, result)
    door.leave(admitted)


def test_a_noisy_project_is_refused_while_a_quiet_one_is_let_in(door: Door) -> None:
    assert len(fill(door, "noisy")) == 80
    assert refusal(door, "noisy")[0] == "PROJECT_SHARE"
    assert len(fill(door, "quiet")) >= 10
    assert door.gauges()["rest_inflight_requests"] <= 100


def test_bytes_are_bounded_as_requests_are(door: Door) -> None:
    assert len(fill(door, "noisy", MIB)) == 8
    assert len(fill(door, "quiet", MIB // 4)) >= 4
    assert door.gauges()["rest_inflight_bytes"] <= 10 * MIB


def test_what_leaves_makes_room_and_leaves_nothing_behind(door: Door) -> None:
    for _ in range(3):
        for admitted in fill(door, "noisy", MIB):
            door.leave(admitted)
    gauges = door.gauges()
    assert (gauges["rest_inflight_requests"], gauges["rest_inflight_bytes"]) == (0, 0)
    assert gauges["rest_refused_project_share"] == 3
    assert door._shares.keys() <= {"noisy"}


def test_a_body_that_grows_past_its_share_is_refused_and_gives_all_of_it_back(door: Door) -> None:
    admitted = door.enter("proj_a", None)
    for size in range(MIB, 9 * MIB, MIB):
        door.grow(admitted, size)
    with pytest.raises(SankofaError):
        door.grow(admitted, 9 * MIB)
    door.leave(admitted)
    assert door.gauges()["rest_inflight_bytes"] == 0


def test_a_body_that_said_its_size_is_held_once(door: Door) -> None:
    admitted = door.enter("proj_a", MIB)
    door.grow(admitted, MIB)
    assert door.gauges()["rest_inflight_bytes"] == MIB


def test_told_that_the_log_is_full_nobody_is_let_in_until_the_time_has_passed(
    door: Door, clock: Clock
) -> None:
    told(door, door.enter("proj_a", 100), full(20))
    assert refusal(door, "proj_b", 100) == ("LOG_FULL", 20)
    assert refusal(door, "proj_b", None) == ("LOG_FULL", 20)
    clock.now_s += 20
    door.leave(door.enter("proj_b", 100))
    door.leave(door.enter("proj_b", 100))


def test_a_probe_that_gets_through_opens_the_door_again(door: Door, clock: Clock) -> None:
    told(door, door.enter("proj_a", 100), full(60))
    clock.now_s += 1
    probe = door.enter("proj_b", 100)
    assert refusal(door, "proj_b", 100)[0] == "LOG_FULL"
    told(door, probe, full(60))
    clock.now_s += 1
    probe = door.enter("proj_b", 100)
    door.answered(probe, OK)
    door.leave(probe)
    door.leave(door.enter("proj_a", 100))
    assert door.gauges()["rest_closed"] == 0


def test_no_room_for_a_large_body_says_nothing_of_a_small_one_nor_the_other_way_round(
    door: Door, clock: Clock
) -> None:
    told(door, door.enter("proj_a", MIB), full(60))
    small = door.enter("proj_a", 300)
    door.answered(small, OK)
    door.leave(small)
    assert refusal(door, "proj_a", MIB)[0] == "LOG_FULL"


def test_a_project_that_has_its_share_of_the_log_is_kept_out_alone(door: Door) -> None:
    told(door, door.enter("noisy", 100), full(30, error_pb2.ERROR_REASON_PROJECT_SHARE))
    assert refusal(door, "noisy", 100) == ("PROJECT_SHARE", 30)
    door.leave(door.enter("quiet", 100))
    assert door.gauges()["rest_closed_projects"] == 1


def test_any_other_refusal_closes_nothing(door: Door) -> None:
    told(door, door.enter("proj_a", 100), full(0, error_pb2.ERROR_REASON_MISSING_EVENT_NAME))
    door.leave(door.enter("proj_a", 100))


def test_when_to_come_again_follows_the_rate_at_which_requests_leave(door: Door, clock: Clock) -> None:
    held = fill(door, "noisy")
    for _ in range(20):
        clock.now_s += 1
        door.leave(held.pop())
        held += fill(door, "noisy")
    assert 30 <= refusal(door, "noisy")[1] <= 60

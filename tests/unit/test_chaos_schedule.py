"""The schedule of `residency chaos`: from a seed, and nothing left out."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest

from cli.chaos.schedule import FAULTS, FULL, Act, Kind, Schedule, plan
from tests.support.nodes import AF, AP, EU, US

REGIONS = (EU, US, AF, AP)
ROLES = {"cell", "rest", "registry", "router", "edge"}


def planned(seed: int, minutes: float) -> Schedule:
    return plan(seed, seconds=minutes * 60, regions=REGIONS, small=AP)


def kills(schedule: Schedule) -> Counter[str]:
    """How often each process is killed: one that is killed while it starts was killed before."""
    counted: Counter[str] = Counter()
    for act in (*schedule.starting, *schedule.acts):
        if act.kind in (Kind.KILL, Kind.KILL_STARTING) or act.with_kill:
            counted.update(act.targets)
        if act.kind is Kind.KILL_STARTING:
            counted.update(act.targets)
    return counted


def by_kind(schedule: Schedule) -> Counter[Kind]:
    return Counter(act.kind for act in schedule.acts)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_same_seed_makes_the_same_schedule_and_another_seed_another(seed: int) -> None:
    assert planned(seed, 5) == planned(seed, 5)
    assert planned(seed, 5) != planned(seed + 1, 5)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_five_minutes_kill_sixty_times_and_two_minutes_leave_nothing_out(seed: int) -> None:
    assert kills(planned(seed, 5)).total() >= 60
    two = planned(seed, 2)
    assert set(kills(two)) == {f"{role}-{region}" for role in ("cell", "rest") for region in REGIONS} | {
        "registry",
        "router",
        "edge",
    }
    assert set(by_kind(two)) == set(Kind)


@pytest.mark.parametrize("seed", range(1, 20))
def test_acts_are_in_order_end_before_the_run_does_and_faults_come_one_by_one(seed: int) -> None:
    schedule = planned(seed, 2)
    acts = schedule.acts
    assert [act.at_s for act in acts] == sorted(act.at_s for act in acts)
    faults = [act for act in acts if act.kind in FAULTS]
    assert all(act.at_s >= 1 and act.at_s + act.lasts_s <= 117 for act in faults)
    for before, after in itertools.pairwise(faults):
        assert before.at_s + before.lasts_s < after.at_s


def test_several_die_at_once_some_while_they_start_and_some_in_the_middle_of_a_fault() -> None:
    acts = planned(1, 5).acts
    assert max(len(act.targets) for act in acts if act.kind is Kind.KILL) >= 3
    assert any(act.kind is Kind.KILL_STARTING for act in acts)
    assert any(act.with_kill for act in acts)
    assert planned(1, 5).starting


@pytest.mark.parametrize("seed", range(1, 20))
def test_a_log_or_a_disk_is_first_filled_by_itself(seed: int) -> None:
    """Else nobody could say what the 503s of its region were for."""
    acts = planned(seed, 3).acts
    for kind in FULL:
        first = next(act for act in acts if act.kind is kind)
        assert not first.with_kill
        region = first.targets[0].partition("-")[2]
        assert not [act for act in acts if during(act, first) and f"-{region}" in "".join(act.targets)]


def test_logs_that_are_processes_of_their_own_die_and_stop_like_the_others() -> None:
    logs = [f"nats-{region}" for region in REGIONS]
    schedule = plan(1, seconds=300, regions=REGIONS, small=AP, more=logs)
    assert set(logs) <= set(kills(schedule))
    assert any(act.kind is Kind.STOP and act.targets[0] in logs for act in schedule.acts if act.targets)


def test_only_the_region_with_the_small_disk_is_filled() -> None:
    assert {act.targets for act in planned(3, 5).acts if act.kind is Kind.FULL_DISK} == {(f"cell-{AP}",)}


def during(act: Act, fault: Act) -> bool:
    return act is not fault and fault.at_s <= act.at_s < fault.at_s + fault.lasts_s

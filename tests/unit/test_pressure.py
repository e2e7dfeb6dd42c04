"""Shares of a bound, and the time that a queue needs to empty."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.pressure import MAX_RETRY_AFTER_S, DrainRate, Shares

ASKS = st.lists(st.tuples(st.integers(0, 5), st.integers(1, 40)), max_size=200)


def test_one_alone_gets_its_part_of_the_bound_and_no_more() -> None:
    shares, held = Shares(0.8), 0
    while shares.allow(held, 1, 100 - held):
        held += 1
    assert held == 80


def test_several_get_equal_parts_and_leave_room_for_one_that_holds_nothing() -> None:
    shares, held = Shares(0.8), [0] * 4
    for turn in range(4 * 1000):
        held[turn % 4] += shares.allow(held[turn % 4], 1, 1000 - sum(held))
    assert max(held) - min(held) <= 4
    assert sum(held) > 900
    assert shares.allow(0, 1, 1000 - sum(held))


@given(ASKS, st.sampled_from((0.5, 0.8, 0.9)))
def test_the_bound_is_never_passed_and_a_newcomer_finds_room(
    asks: list[tuple[int, int]], alone: float
) -> None:
    shares, held = Shares(alone), [0] * 6
    for owner, more in asks:
        if shares.allow(held[owner], more, 200 - sum(held)):
            held[owner] += more
        assert sum(held) <= 200
        assert max(held) <= alone * 200 + 1e-6


@given(st.integers(0, 500), st.integers(1, 500), st.integers(0, 500))
def test_once_the_excess_is_gone_the_share_allows_it(held: int, more: int, free: int) -> None:
    shares = Shares(0.8)
    excess = shares.excess(held, more, free)
    assert shares.allow(held, more, free + excess + 1e-6)
    assert excess == 0 or not shares.allow(held, more, free + excess - 1e-3)


@pytest.mark.parametrize("part", [0.0, 1.0, -1.0, 2.0])
def test_a_share_is_a_part(part: float) -> None:
    with pytest.raises(ValueError, match="share"):
        Shares(part)


def test_the_time_to_wait_is_what_waits_by_the_rate_at_which_it_leaves() -> None:
    rate = DrainRate(0.0)
    assert rate.retry_after_s(1e9) == 1
    for second in range(1, 30):
        rate.observe(100.0 * second, float(second))
    assert rate.per_s == pytest.approx(100)
    assert [rate.retry_after_s(amount) for amount in (0, 10, 100, 101, 950, 1e9)] == [1, 1, 1, 2, 10, 60]


def test_what_is_stuck_is_worth_the_longest_wait_and_recovers() -> None:
    rate = DrainRate(0.0)
    rate.observe(1000.0, 1.0)
    waits = []
    for second in range(2, 60):
        rate.observe(1000.0, float(second))
        waits.append(rate.retry_after_s(1000))
    assert waits == sorted(waits)
    assert waits[-1] == MAX_RETRY_AFTER_S
    for second in range(60, 80):
        rate.observe(1000.0 * (second - 58), float(second))
    assert rate.retry_after_s(1000) <= 2


def test_idle_time_does_not_count_as_slowness() -> None:
    rate = DrainRate(0.0)
    rate.observe(1000.0, 1.0)
    rate.skip(1000.0, 500.0)
    rate.observe(2000.0, 501.0)
    assert rate.per_s == pytest.approx(1000)

"""Rate limits: windows, what is lent of them, and what a shim makes of a lease."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.errors import RateLimited, Unavailable
from mesh.windows import Windows
from sankofa.ingest.v1.rate_pb2 import LeaseRateRequest, LeaseRateResponse, RateAsk
from services.ingest.rate import Budgets
from services.rest.rate import LEASE_S, RateLimit

LIMIT = 50


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def test_a_window_begins_with_the_first_request_and_ends_a_minute_later() -> None:
    clock = Clock()
    windows = Windows(60, clock=clock)
    first = windows.of("a")
    clock.now_s += 59.9
    assert windows.of("a") is first
    clock.now_s += 0.1
    assert windows.of("a") is not first


def test_a_limit_is_taken_of_to_the_last_and_is_whole_again_when_its_window_ends() -> None:
    clock = Clock()
    windows = Windows(60, clock=clock)
    assert [windows.take("a", 2) for _ in range(3)] == [0.0, 0.0, 60.0]
    assert windows.take("b", 2) == 0.0
    clock.now_s += 59.5
    assert windows.take("a", 2) == 0.5
    clock.now_s += 0.5
    assert windows.take("a", 2) == 0.0


def test_windows_that_ended_are_forgotten_and_no_more_are_kept_than_may_be() -> None:
    clock = Clock()
    windows = Windows(60, clock=clock, most=10)
    for owner in range(30):
        windows.of(str(owner))
    assert len(windows) == 10
    clock.now_s += 60
    windows.of("late")
    assert len(windows) == 1


ASKS = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 9), st.integers(0, 60), st.booleans(), st.integers(0, 20)),
    max_size=60,
)


@given(ASKS)
def test_no_more_is_ever_out_in_a_window_than_its_limit(
    asks: list[tuple[int, int, int, bool, int]],
) -> None:
    """Three processes borrow, give back and let time pass; what they hold and have used is counted here."""
    clock = Clock()
    budgets, held, windows = Budgets(clock=clock), [0, 0, 0], [0, 0, 0]
    used: dict[int, int] = {}
    for process, needed, ahead, gives_back, seconds in asks:
        clock.now_s += seconds
        returned = held[process] if gives_back else 0
        ask = RateAsk(key_id="key_1", needed=needed, ahead=ahead, returned=returned, window=windows[process])
        lease = budgets.lend(ask, LIMIT)
        if not gives_back and windows[process]:
            used[windows[process]] = used.get(windows[process], 0) + held[process]
        held[process], windows[process] = lease.granted, lease.window
        out = sum(count for count, window in zip(held, windows, strict=True) if window == lease.window)
        assert used.get(lease.window, 0) + out <= LIMIT


def test_what_waits_is_served_first_and_what_is_ahead_leaves_half_to_others() -> None:
    budgets = Budgets(clock=Clock())
    assert budgets.lend(RateAsk(key_id="a", needed=10, ahead=100), LIMIT).granted == 10 + 20
    assert budgets.lend(RateAsk(key_id="a", needed=30), LIMIT).granted == 20
    assert budgets.lend(RateAsk(key_id="a", needed=1), LIMIT).granted == 0
    assert budgets.lend(RateAsk(key_id="b", needed=1), LIMIT).granted == 1


def test_what_was_lent_in_a_window_that_ended_is_not_taken_back() -> None:
    clock = Clock()
    budgets = Budgets(clock=clock)
    old = budgets.lend(RateAsk(key_id="a", needed=LIMIT), LIMIT)
    clock.now_s += 60
    new = budgets.lend(RateAsk(key_id="a", needed=40, returned=LIMIT, window=old.window), LIMIT)
    late = RateAsk(key_id="a", needed=LIMIT, returned=LIMIT, window=old.window)
    assert (new.granted, budgets.lend(late, LIMIT).granted) == (40, 10)


class Ingest:
    """Budgets as the shim reaches them: counts calls, and can be away."""

    def __init__(self, clock: Clock) -> None:
        self.budgets = Budgets(clock=clock)
        self.calls = 0
        self.away = False

    async def __call__(self, request: LeaseRateRequest, *, timeout: float) -> LeaseRateResponse:
        self.calls += 1
        await asyncio.sleep(0)
        if self.away:
            raise Unavailable
        return LeaseRateResponse(leases=[self.budgets.lend(ask, request.limit) for ask in request.asks])


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ingest(clock: Clock) -> Ingest:
    return Ingest(clock)


@pytest.fixture
async def shim(ingest: Ingest, clock: Clock) -> AsyncIterator[RateLimit]:
    async with RateLimit(lender=ingest, per_minute=LIMIT, clock=clock).running() as running:
        yield running


async def passed(limit: RateLimit, key: str = "key_1") -> bool:
    try:
        if not limit.take(key):
            await limit.ask(key)
    except RateLimited:
        return False
    return True


async def test_a_key_gets_its_limit_and_then_is_told_when_its_minute_ends(
    shim: RateLimit, clock: Clock
) -> None:
    assert [await passed(shim) for _ in range(LIMIT + 5)] == [True] * LIMIT + [False] * 5
    clock.now_s += 12
    with pytest.raises(RateLimited) as refused:
        await shim.ask("key_1")
    assert refused.value.retry_after_s == 48
    assert await passed(shim, "key_2")
    clock.now_s += 48
    assert await passed(shim)


async def test_many_at_once_are_asked_for_together_and_served_to_the_last(
    shim: RateLimit, ingest: Ingest
) -> None:
    answers = await asyncio.gather(*(passed(shim) for _ in range(LIMIT + 30)))
    assert answers == [True] * LIMIT + [False] * 30
    assert ingest.calls <= 3


async def test_a_busy_key_is_lent_ahead(shim: RateLimit, ingest: Ingest) -> None:
    for _ in range(LIMIT):
        assert await passed(shim)
    assert ingest.calls < LIMIT / 2


async def test_what_is_not_used_in_its_second_goes_to_the_other_processes(
    shim: RateLimit, ingest: Ingest, clock: Clock
) -> None:
    for _ in range(8):
        assert await passed(shim)
    async with RateLimit(lender=ingest, per_minute=LIMIT, clock=clock).running() as other:
        clock.now_s += LEASE_S
        assert await passed(shim)
        clock.now_s += LEASE_S
        answers = [await passed(other) for _ in range(LIMIT)]
        assert sum(answers) == LIMIT - 9


async def test_while_ingest_is_away_what_was_lent_is_used_up_and_then_it_is_503(
    shim: RateLimit, ingest: Ingest
) -> None:
    for _ in range(6):
        assert await passed(shim)
    ingest.away = True
    lent = 0
    with pytest.raises(Unavailable):
        while await passed(shim):
            lent += 1
    assert 0 < lent < LIMIT - 6
    with pytest.raises(Unavailable):
        await passed(shim, "key_2")
    ingest.away = False
    assert await passed(shim, "key_2")


async def test_who_waits_when_the_shim_stops_is_answered(ingest: Ingest, clock: Clock) -> None:
    async with RateLimit(lender=ingest, per_minute=LIMIT, clock=clock).running() as limit:
        waits = asyncio.create_task(limit.ask("key_1"))
        await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await waits


async def test_a_client_that_has_gone_takes_nothing(shim: RateLimit) -> None:
    leaves = asyncio.create_task(shim.ask("key_1"))
    await asyncio.sleep(0)
    leaves.cancel()
    answers = [await passed(shim) for _ in range(LIMIT + 1)]
    assert answers == [True] * LIMIT + [False]


async def test_budgets_of_keys_that_went_quiet_are_forgotten(shim: RateLimit, clock: Clock) -> None:
    for number in range(20):
        assert await passed(shim, f"key_{number}")
    clock.now_s += 2 * LEASE_S
    assert await passed(shim, "another")
    assert await passed(shim, "another")
    assert shim.gauges()["rest_rate_keys"] <= 2


async def test_an_address_has_a_limit_of_its_own_and_a_network_of_ipv6_is_one(
    shim: RateLimit, clock: Clock
) -> None:
    for number in range(LIMIT):
        shim.check_address("192.0.2.1")
        shim.check_address(f"2001:db8::{number:x}")
    for address in ("192.0.2.1", "2001:db8::ffff"):
        with pytest.raises(RateLimited) as refused:
            shim.check_address(address)
        assert refused.value.retry_after_s == 60
    shim.check_address("192.0.2.2")
    shim.check_address("2001:db8:0:1::1")
    clock.now_s += 60
    shim.check_address("192.0.2.1")

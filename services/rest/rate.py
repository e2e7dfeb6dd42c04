"""How many requests a key may still make: counted here, out of what ingest lends to this process.

Decided from the headers alone. A key's first request asks ingest; a busy key's are lent ahead, for a second,
so that most cost a subtraction. All that wait are asked for in one call. What is not used in its second goes
back, to be lent to the other processes of the region. While ingest does not answer, what was lent is used up,
and then requests get 503, as they would without a limit: nobody could store them.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from ipaddress import ip_network
from typing import Final, Protocol

from mesh.errors import RateLimited, SankofaError, Unavailable
from mesh.tasks import background
from mesh.windows import MINUTE_S, Windows
from sankofa.ingest.v1.rate_pb2 import LeaseRateRequest, LeaseRateResponse, RateAsk, RateLease

log = logging.getLogger(__name__)

LEASE_S: Final = 1.0
"""How long a lease may lie unused."""

CALL_TIMEOUT_S: Final = 2.0
MOST_ADDRESSES: Final = 10_000


class Lender(Protocol):
    """LeaseRate of the region's ingest."""

    async def __call__(self, request: LeaseRateRequest, *, timeout: float) -> LeaseRateResponse:
        """Raises SankofaError."""


class _Budget:
    """What this process holds of one key's window, and who waits for more."""

    __slots__ = (
        "asked_s",
        "left",
        "refused_until_s",
        "until_s",
        "used",
        "waiting",
        "window",
        "window_ends_s",
    )

    def __init__(self) -> None:
        self.left = self.used = self.window = 0
        self.asked_s = self.until_s = self.refused_until_s = self.window_ends_s = 0.0
        self.waiting: deque[asyncio.Future[None]] = deque()

    def refusal(self, now_s: float) -> RateLimited:
        return RateLimited(retry_after_s=max(1, math.ceil(self.window_ends_s - now_s)))


class RateLimit:
    """The limit of each key, and of each address that sends none. Runs inside `running`."""

    def __init__(
        self, *, lender: Lender, per_minute: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._lender = lender
        self._limit = per_minute
        self._clock = clock
        self._budgets: dict[str, _Budget] = {}
        self._asking: set[str] = set()
        self._addresses = Windows(MINUTE_S, clock=clock, most=MOST_ADDRESSES)
        self._wake = asyncio.Event()
        self._refused = 0
        self._unknown = 0

    def take(self, key_id: str) -> bool:
        """Uses what is lent; False where there is none. Raises RateLimited, where there will be none."""
        budget = self._budgets.get(key_id)
        if budget is None:
            return False
        now_s = self._clock()
        if budget.left and now_s < budget.until_s:
            budget.left -= 1
            budget.used += 1
            return True
        if now_s < budget.refused_until_s:
            self._refused += 1
            raise budget.refusal(now_s)
        return False

    async def ask(self, key_id: str) -> None:
        """Waits for ingest to lend one. Raises RateLimited, and Unavailable where it does not answer."""
        budget = self._budgets.get(key_id)
        if budget is None:
            budget = self._budgets[key_id] = _Budget()
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        budget.waiting.append(turn)
        self._asking.add(key_id)
        self._wake.set()
        await turn

    def check_address(self, address: str) -> None:
        """Counts a request without a key, in this process only: it reaches no other. Raises RateLimited."""
        if wait_s := self._addresses.take(network_of(address), self._limit):
            self._refused += 1
            raise RateLimited(retry_after_s=math.ceil(wait_s))

    def gauges(self) -> dict[str, float]:
        """For /metrics; no key is named."""
        return {
            "rest_rate_keys": len(self._budgets),
            "rest_refused_rate_limited": self._refused,
            "rest_refused_rate_unknown": self._unknown,
        }

    @asynccontextmanager
    async def running(self) -> AsyncIterator[RateLimit]:
        """Asks ingest for as long as the context is; who waits at its end gets 503."""
        try:
            async with AsyncExitStack() as stack:
                background(self._run(), name="rate limit", stack=stack)
                yield self
        finally:
            for budget in self._budgets.values():
                self._fail(budget)

    async def _run(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(LEASE_S):
                    await self._wake.wait()
            self._wake.clear()
            now_s = self._clock()
            asking, self._asking = self._asking, set()
            asks = [self._ask(key_id, now_s) for key_id in asking if self._budgets[key_id].waiting]
            asks += self._expired(now_s)
            if asks:
                await self._exchange(asks, now_s)

    def _ask(self, key_id: str, now_s: float) -> RateAsk:
        """Twice of what the key used since it last asked, if that is not long ago, is lent ahead."""
        budget = self._budgets[key_id]
        ask = RateAsk(
            key_id=key_id,
            needed=len(budget.waiting),
            ahead=min(2 * budget.used, self._limit) if now_s - budget.asked_s < LEASE_S else 0,
            returned=budget.left,
            window=budget.window,
        )
        budget.left = budget.used = 0
        budget.asked_s = now_s
        return ask

    def _expired(self, now_s: float) -> list[RateAsk]:
        """What was not used in its second goes back; a budget with nothing in it is forgotten."""
        asks = []
        for key_id, budget in list(self._budgets.items()):
            if now_s < budget.until_s or budget.waiting:
                continue
            if budget.left:
                asks.append(RateAsk(key_id=key_id, returned=budget.left, window=budget.window))
                budget.left = 0
            elif now_s >= budget.refused_until_s and now_s - budget.asked_s > LEASE_S:
                del self._budgets[key_id]
        return asks

    async def _exchange(self, asks: list[RateAsk], sent_s: float) -> None:
        request = LeaseRateRequest(limit=self._limit, asks=asks)
        try:
            response = await self._lender(request, timeout=CALL_TIMEOUT_S)
        except SankofaError as error:
            log.warning("ingest lends no rate: %s; %d keys wait for it", error, len(asks))
            for ask in asks:
                self._fail(self._budgets[ask.key_id])
            return
        for ask, lease in zip(asks, response.leases, strict=True):
            self._lent(self._budgets[ask.key_id], lease, ask.needed, sent_s)

    def _lent(self, budget: _Budget, lease: RateLease, needed: int, sent_s: float) -> None:
        """Times count from when the call was sent: a lease never outlives its window."""
        budget.window = lease.window
        budget.window_ends_s = sent_s + lease.window_left_ms / 1000
        budget.until_s = min(sent_s + LEASE_S, budget.window_ends_s)
        budget.left = lease.granted
        for at in range(len(budget.waiting)):
            if at >= needed and not budget.left:
                break  # they came while the call was under way, and are asked for in the next one
            turn = budget.waiting.popleft()
            if turn.done():
                continue  # its client has gone
            if budget.left:
                budget.left -= 1
                budget.used += 1
                turn.set_result(None)
            else:
                self._refused += 1
                turn.set_exception(budget.refusal(sent_s))
        if lease.granted < needed:
            budget.refused_until_s = budget.until_s

    def _fail(self, budget: _Budget) -> None:
        """Nobody knows whether they may: they could not be stored either."""
        self._unknown += len(budget.waiting)
        for turn in budget.waiting:
            if not turn.done():
                turn.set_exception(Unavailable())
        budget.waiting.clear()


def network_of(address: str) -> str:
    """An IPv4 address, or the /64 of an IPv6 one: whoever has one of those has all of it."""
    return str(ip_network(f"{address}/64", strict=False)) if ":" in address else address

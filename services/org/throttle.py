"""How often signing in may fail: for one account, and from one address.

Kept in memory, so that no list of addresses rests on a disk: a restart forgives. An attempt is counted before
it is judged and given back where it succeeds, so that many at once are no more than one after the other.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from mesh.context import origin
from mesh.errors import RateLimited, Unauthenticated
from sankofa.residency.v1.error_pb2 import ErrorReason

MOST_KNOWN = 100_000
"""Accounts and addresses that are remembered; of more, those that were tried the longest time ago are not."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """`burst` failures at once, then one more each `every_s` seconds."""

    burst: int
    every_s: float


OF_AN_ACCOUNT = Allowance(10, 30.0)
OF_AN_ADDRESS = Allowance(50, 5.0)


class LoginThrottle:
    """Of one region's accounts."""

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._clock_s = clock_s
        self._full_at: OrderedDict[tuple[str, str], float] = OrderedDict()
        """When each has its whole burst again."""

    @contextmanager
    def attempt(self, account: str) -> Iterator[None]:
        """One attempt, which has failed where the block raises Unauthenticated.

        `account`: a name of it; whether it exists changes nothing. Raises RateLimited(LOGIN_THROTTLED).
        """
        tried = [(("account", account), OF_AN_ACCOUNT)]
        if address := origin().address:
            tried.append((("address", address), OF_AN_ADDRESS))
        wait_s = max(self._wait_s(key, allowance) for key, allowance in tried)
        if wait_s > 0:
            raise RateLimited(ErrorReason.ERROR_REASON_LOGIN_THROTTLED, retry_after_s=math.ceil(wait_s))
        for key, allowance in tried:
            self._count(key, allowance.every_s)
        try:
            yield
        except Unauthenticated:
            raise
        except BaseException:
            self._give_back(tried)
            raise
        self._give_back(tried)

    def _give_back(self, tried: list[tuple[tuple[str, str], Allowance]]) -> None:
        for key, allowance in tried:
            self._count(key, -allowance.every_s)

    def _wait_s(self, key: tuple[str, str], allowance: Allowance) -> float:
        """Seconds until one more may fail."""
        owed_s = self._full_at.get(key, 0.0) - self._clock_s()
        return owed_s - (allowance.burst - 1) * allowance.every_s

    def _count(self, key: tuple[str, str], more_s: float) -> None:
        now = self._clock_s()
        self._full_at[key] = max(self._full_at.get(key, now), now) + more_s
        self._full_at.move_to_end(key)
        if self._full_at[key] <= now:
            del self._full_at[key]
        while len(self._full_at) > MOST_KNOWN:
            self._full_at.popitem(last=False)

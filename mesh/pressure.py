"""What every bounded queue here does when it fills: shares of it by project, and when to come again.

Shares are dynamic thresholds (Choudhury and Hahne, "Dynamic queue length thresholds for shared-memory
packet switches", IEEE/ACM Transactions on Networking 6(2), 1998): an owner may hold a multiple of what is
*free*. One alone gets most of the bound, several get equal parts of it, nobody has to be counted, and there
is always room left for one that holds nothing yet.
"""

from __future__ import annotations

import math
from typing import Final

MIN_RETRY_AFTER_S: Final = 1
MAX_RETRY_AFTER_S: Final = 60
_MEMORY_S: Final = 5.0
"""A rate is an average over so many seconds, the last ones weighing most."""
_SHORTEST_S: Final = 0.5
"""What left in less time than this is no rate yet: what leaves, leaves in batches."""


class Shares:
    """How much of a bound one owner may hold; `alone` is the part that one gets while no other wants any."""

    def __init__(self, alone: float) -> None:
        if not 0 < alone < 1:
            raise ValueError(f"a share is between 0 and 1, not {alone}")
        self._multiple = alone / (1 - alone)

    def allow(self, held: float, more: float, free: float) -> bool:
        """Whether an owner of `held` may take `more` of what is `free`; all of one unit."""
        free -= more
        return free >= 0 and held + more <= self._multiple * free

    def excess(self, held: float, more: float, free: float) -> float:
        """How much of the bound must be set free before `allow` says yes, if only others set it free."""
        return max(0.0, more + (held + more) / self._multiple - free)


class DrainRate:
    """How fast a queue empties, from a counter of all that has left it since the start.

    Observed only while something waits: an empty queue says nothing of how fast it could empty.
    """

    def __init__(self, now_s: float) -> None:
        self._left = 0.0
        self._seen_s = now_s
        self._per_s = 0.0
        self._known = False

    def observe(self, left: float, now_s: float) -> None:
        """So much has left until now, and more waits."""
        passed_s = now_s - self._seen_s
        if passed_s < _SHORTEST_S:
            return
        rate, old = (left - self._left) / passed_s, math.exp(-passed_s / _MEMORY_S)
        self._per_s = self._per_s * old + rate * (1 - old) if self._known else rate
        self._left, self._seen_s, self._known = left, now_s, True

    def skip(self, left: float, now_s: float) -> None:
        """So much has left until now, and for some of the time nothing waited."""
        self._left, self._seen_s = left, now_s

    @property
    def per_s(self) -> float:
        """Units a second; 0 before anything is known."""
        return self._per_s

    def retry_after_s(self, amount: float) -> int:
        """Whole seconds until `amount` more has left: 1 while no rate is known, 60 at most."""
        if not self._known or amount <= 0:
            return MIN_RETRY_AFTER_S
        if amount >= self._per_s * MAX_RETRY_AFTER_S:
            return MAX_RETRY_AFTER_S
        return max(MIN_RETRY_AFTER_S, math.ceil(amount / self._per_s))

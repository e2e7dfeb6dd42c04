"""What one project may count in one month, and what of that its primary region can rely on."""

from __future__ import annotations

from datetime import timedelta
from typing import Final, NamedTuple

from mesh.plans import FIRST_BUDGET, SMALLEST_LEASE

QUIET_MS: Final = timedelta(seconds=30) // timedelta(milliseconds=1)
"""A project that has counted nothing for so long gives back what it holds beyond SMALLEST_LEASE."""


class Ask(NamedTuple):
    """What a project's region says and wants: see UsageReport in plan.proto."""

    project_id: str
    month: int
    total: int
    needed: int
    ahead: int
    answered: int = 0
    holds: int = 0


class Lease(NamedTuple):
    """What its primary region says: see UsageLease in plan.proto. One of before there were numbers says 0."""

    budget: int
    unlimited: bool
    exhausted: bool
    number: int = 0
    reserved: int = 0


class Meter:
    """Counts up to `budget`, a total; `kept` is the one on disk, or more where nobody knows.

    `pending` is what is taken and not yet in the log's total; `used`, that total and `pending`.
    """

    __slots__ = (
        "asked_total",
        "budget",
        "exhausted",
        "kept",
        "low",
        "month",
        "needed",
        "number",
        "pending",
        "reserved",
        "seen",
        "since_ms",
        "unlimited",
    )

    def __init__(self, month: int, budget: int = FIRST_BUDGET, *, unlimited: bool = False) -> None:
        self.month, self.budget, self.kept, self.unlimited = month, budget, budget, unlimited
        self.exhausted = False
        self.pending = self.needed = self.asked_total = 0
        self.low = SMALLEST_LEASE // 2
        self.number = self.reserved = 0
        self.seen, self.since_ms = -1, 0

    def holds(self, used: int) -> int:
        """The total beyond which it counts nothing before another answer, whatever restarts."""
        return max(self.budget, self.kept, used)

    def holds_less(self, used: int) -> bool:
        """Whether its primary region does not know yet that less is enough."""
        return self.number > 0 and not self.unlimited and self.holds(used) < self.reserved

    def take(self, lease: Lease, ask: Ask) -> bool:
        """Takes an answer to an ask of its month; False for one that a later one has overtaken."""
        if 0 < lease.number <= self.number:
            return False
        self.number, self.reserved = lease.number, lease.reserved
        self.unlimited, self.exhausted = lease.unlimited, lease.exhausted
        if not lease.unlimited:
            self.budget = lease.budget
            self.low = max(0, min(lease.budget - ask.total, ask.ahead) // 2)
        self.needed, self.asked_total = 0, ask.total
        return True

    def give_back(self, used: int, now_ms: int) -> bool:
        """Holds itself to SMALLEST_LEASE more than `used` after a quiet time; True once it holds no more."""
        if used != self.seen or self.needed:
            self.seen, self.since_ms = used, now_ms
        quiet = now_ms - self.since_ms >= QUIET_MS
        if quiet and self.number and not self.unlimited and self.budget > used + SMALLEST_LEASE:
            self.budget = used + SMALLEST_LEASE
            self.low = SMALLEST_LEASE // 2
        return self.unlimited or self.budget <= used + SMALLEST_LEASE

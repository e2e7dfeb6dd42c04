"""How far an organisation may get past its quota: by one lease, whatever its regions and their calls do."""

from __future__ import annotations

from typing import Literal

from hypothesis import example, given, settings
from hypothesis import strategies as st

from mesh.plans import FIRST_BUDGET, LARGEST_LEASE
from services.ingest.quota.meter import Ask
from storage.log import Counted
from storage.records.plans import Lent
from tests.support.budgets import NOVEMBER, QUOTA, Primary, Region, answer

ACTING, UNHEARD = 3, 14
WHAT = "send begin end exchange exchange report report deliver answer lose later later restart disk"
STEPS = st.lists(
    st.tuples(st.integers(0, ACTING - 1), st.sampled_from(WHAT.split()), st.integers(1, 10_000)),
    min_size=20,
    max_size=120,
)


class Wire:
    """Reports and answers on their way: each may be late, lost, doubled, and overtaken by any other."""

    def __init__(self, primary: Primary, regions: list[Region]) -> None:
        self.primary, self.regions = primary, regions
        self.reports: list[tuple[int, Ask]] = []
        self.answers: list[tuple[int, Ask, Lent]] = []
        self.flying: list[tuple[Region, Counted]] = []

    def lands(self, region: Region, counted: Counted) -> None:
        """The log has counted what was taken."""
        region.totals[NOVEMBER][region.project_id] = region.total() + counted.events
        region.meters.settle(counted)

    def step(self, at: int, step: str, number: int) -> None:
        region = self.regions[at]
        if step == "send":
            region.send(number)
        elif step == "begin":
            counted = Counted(region.project_id, NOVEMBER, number)
            if region.meters.take(counted) is None:
                self.flying.append((region, counted))
        elif step == "end" and self.flying:
            self.lands(*self.flying.pop(number % len(self.flying)))
        elif step == "exchange":
            region.send(number % 3_000)
            self.primary.hear(region)
        elif step == "report":
            self.reports += [(at, ask) for ask in region.asks()]
        elif step == "deliver" and self.reports:  # and it may come again
            origin, ask = self.reports[number % len(self.reports)]
            self.answers.append((origin, ask, self.primary.takes(ask)))
        elif step == "answer" and self.answers:
            origin, ask, lent = self.answers.pop(number % len(self.answers))
            self.regions[origin].meters.answered(ask, answer(lent))
        elif step == "lose":
            (self.reports if number % 2 else self.answers).clear()
        elif step == "later":
            self.primary.now_ms += number * 7
            for one in self.regions:
                one.now_ms += number * 7
        elif step == "restart":
            self.answers = [each for each in self.answers if each[0] != at]
            self.flying = [each for each in self.flying if each[0] is not region]
            region.restart()
        elif step == "disk":
            failing: tuple[Literal["", "before", "after"], ...] = ("", "before", "after")
            region.failing = failing[number % 3]


def steps_of(*steps: str) -> list[tuple[int, str, int]]:
    """ "1 send 900" is what happens in the second region."""
    return [(int(at), what, int(number)) for at, what, number in (step.split() for step in steps)]


QUIET = ("1 report 1", "1 later 10000", "1 report 1")
# Of each rule about order a case that nobody would hit upon in a hurry: without the rule it fails.
OVERTAKEN = steps_of(
    "1 send 900",
    "1 report 1",
    "1 deliver 2",
    "1 deliver 2",
    "1 answer 1",
    *QUIET,
    "1 deliver 1",
    "1 answer 2",
)
IN_DOUBT = steps_of(
    "1 send 900",
    "1 disk 2",
    "1 exchange 3000",
    "1 disk 1",
    *QUIET,
    "1 deliver 1",
    "1 answer 1",
    "1 restart 1",
)
USED_MORE = steps_of(
    "1 send 900", "1 exchange 3000", "1 begin 1500", *["2 exchange 2999"] * 9, "1 send 1", "1 exchange 3000"
)
HEARD_LATE = steps_of(*["0 exchange 2999"] * 9, "1 send 1", "1 report 1", "1 deliver 1")


@given(STEPS, st.integers(QUOTA - 50_000, QUOTA - 12_000))
@example(OVERTAKEN, QUOTA - 50_000)
@example(IN_DOUBT, QUOTA - 50_000)
@example(USED_MORE, QUOTA - 12_000)
@example(HEARD_LATE, QUOTA - 12_000)
@settings(max_examples=500, deadline=None)
def test_an_organisation_overshoots_by_one_lease_whoever_is_silent_cut_off_unheard_or_gives_back(
    steps: list[tuple[int, str, int]], counted_before: int
) -> None:
    """Any order of events, reports, answers, losses, restarts and time. At no time a region may count more
    than its primary takes it for; and at the end each counts all that it can, those never heard as well.
    """
    regions = [Region(project_id=f"proj_{number}") for number in range(ACTING + UNHEARD)]
    primary = Primary(projects=frozenset(region.project_id for region in regions))
    wire = Wire(primary, regions)
    while regions[0].total() < counted_before:
        regions[0].send(min(FIRST_BUDGET, counted_before - regions[0].total()))
        primary.hear(regions[0])
    for step in steps:
        wire.step(*step)
        reserved = [primary.reserved(region.project_id) for region in regions]
        assert sum(reserved) <= QUOTA + LARGEST_LEASE
        assert all(region.may_count() <= most for region, most in zip(regions, reserved, strict=True)), (
            "a region may count more than its primary has reserved"
        )
    for region, taken in wire.flying:
        wire.lands(region, taken)
    for region in regions:
        for size in (1_000, 100, 10, 1):
            while region.send(size) is None:
                pass
    assert sum(region.total() for region in regions) <= QUOTA + LARGEST_LEASE

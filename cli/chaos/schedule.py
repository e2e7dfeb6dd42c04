"""What happens when: from a seed, so that a run that found something can be run again. Pure.

Cards are drawn from shuffled decks, not thrown as dice: however short a run is, no kind of fault and no
process is left out before another has had its second turn.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Generic, TypeVar

T = TypeVar("T")

FIRST_S, LAST_S = 1.0, 3.0
"""Nothing happens in the first second, nor in the last three: what began then would be cut short."""

BEFORE_S = 5.0
"""So long before a log or a disk is filled alone, nothing of its region is killed: by then it is back."""


class Kind(Enum):
    """What is done to a process, to the inserts of a cell, or to the disk of a region."""

    KILL = "kill -9"
    KILL_STARTING = "kill -9 while it starts"
    STOP = "stop and resume"
    FAIL = "insert fails"
    FAIL_LANDED = "insert fails after it landed"
    HANG = "insert hangs"
    HANG_LANDED = "insert hangs after it landed"
    FULL_LOG = "log full"
    FULL_DISK = "disk full"


INSERT_FAULTS = (Kind.FAIL, Kind.FAIL_LANDED, Kind.HANG, Kind.HANG_LANDED)
FULL = (Kind.FULL_LOG, Kind.FULL_DISK)
FAULTS = (*INSERT_FAULTS, *FULL)
_LASTS_S = {
    Kind.FAIL: (1.0, 2.5),
    Kind.FAIL_LANDED: (1.0, 2.5),
    Kind.HANG: (2.0, 4.0),
    Kind.HANG_LANDED: (2.0, 4.0),
    Kind.FULL_LOG: (8.0, 10.0),
    Kind.FULL_DISK: (6.0, 8.0),
}


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that happens. `targets` are names of processes: `cell-eu-west-1`, `registry`.

    `lasts_s` is how long a stop or a fault holds; of a kill while starting, how long the next process lives.
    `with_kill`: the cell is killed in the middle of its fault.
    """

    at_s: float
    kind: Kind
    targets: tuple[str, ...]
    lasts_s: float = 0.0
    with_kill: bool = False


@dataclass(frozen=True, slots=True)
class Schedule:
    """`starting` happens while the mesh starts for the first time, `acts` once it is under load."""

    seconds: float
    starting: tuple[Act, ...]
    acts: tuple[Act, ...]


class Deck(Generic[T]):
    """Deals each card once before any a second time."""

    def __init__(self, cards: Sequence[T], chance: random.Random) -> None:
        self._cards, self._chance = tuple(cards), chance
        self._left: list[T] = []

    def draw(self) -> T:
        """The next card."""
        if not self._left:
            self._left = list(self._cards)
            self._chance.shuffle(self._left)
        return self._left.pop()


def plan(
    seed: int, *, seconds: float, regions: Sequence[str], small: str, more: Sequence[str] = ()
) -> Schedule:
    """The schedule of a seed. `small` is the region whose disk can be filled, `more` are other processes."""
    chance = random.Random(f"sankofa chaos {seed}")
    cells = [f"cell-{region}" for region in regions]
    everyone = [*cells, *(f"rest-{region}" for region in regions), "registry", "router", "edge", *more]
    starting = _starting(chance, [*cells, "registry", "router"])
    faults = tuple(_faults(chance, cells, f"cell-{small}", seconds))
    kills = (_spared(act, faults) for act in _kills(chance, everyone, seconds))
    stops = (_spared(act, faults) for act in _stops(chance, everyone, seconds))
    acts = sorted((act for act in (*faults, *kills, *stops) if act.targets), key=lambda act: act.at_s)
    return Schedule(seconds, starting, tuple(acts))


def _spared(act: Act, faults: Sequence[Act]) -> Act:
    """Without the processes of a region whose log or disk is full just then, and to be seen so by itself."""
    spared = {
        fault.targets[0].partition("-")[2]
        for fault in faults
        if fault.kind in FULL and not fault.with_kill
        if fault.at_s - BEFORE_S < act.at_s < fault.at_s + fault.lasts_s
    }
    return replace(act, targets=tuple(name for name in act.targets if name.partition("-")[2] not in spared))


def _starting(chance: random.Random, first_level: Sequence[str]) -> tuple[Act, ...]:
    victims = chance.sample(list(first_level), 3)
    return tuple(Act(round(chance.uniform(0.1, 2.5), 3), Kind.KILL, (victim,)) for victim in victims)


def _kills(chance: random.Random, everyone: Sequence[str], seconds: float) -> Iterator[Act]:
    victims = Deck(everyone, chance)
    ways = Deck([1, 1, 0, 3], chance)
    for at_s in _moments(chance, seconds, 2.5, 5.0):
        together = ways.draw()
        if together:
            several = {victims.draw() for _ in range(together if together == 1 else chance.randint(2, 4))}
            yield Act(at_s, Kind.KILL, tuple(sorted(several)))
        else:
            lives_s = round(chance.uniform(0.0, 2.0), 3)
            yield Act(at_s, Kind.KILL_STARTING, (victims.draw(),), lives_s)


def _stops(chance: random.Random, everyone: Sequence[str], seconds: float) -> Iterator[Act]:
    victims = Deck(everyone, chance)
    for at_s in _moments(chance, seconds, 5.0, 9.0):
        yield Act(at_s, Kind.STOP, (victims.draw(),), round(chance.uniform(0.3, 4.0), 3))


def _faults(chance: random.Random, cells: Sequence[str], small: str, seconds: float) -> Iterator[Act]:
    """One after the other, so that what was answered meanwhile can be told to its fault."""
    kinds, where = Deck(FAULTS, chance), Deck(cells, chance)
    done = dict.fromkeys(FAULTS, 0)
    at_s = FIRST_S
    while True:
        kind = kinds.draw()
        lasts_s = round(chance.uniform(*_LASTS_S[kind]), 3)
        if at_s + lasts_s > seconds - LAST_S:
            return
        cell = small if kind is Kind.FULL_DISK else where.draw()
        # The first of a kind shows what it does by itself; every second one has a kill in it.
        yield Act(round(at_s, 3), kind, (cell,), lasts_s, with_kill=done[kind] % 2 == 1)
        done[kind] += 1
        at_s += lasts_s + chance.uniform(0.5, 1.5)


def _moments(chance: random.Random, seconds: float, least_s: float, most_s: float) -> Iterator[float]:
    at_s = FIRST_S + chance.uniform(0, least_s)
    while at_s < seconds - LAST_S:
        yield round(at_s, 3)
        at_s += chance.uniform(least_s, most_s)

"""What was done to the mesh, and what was seen of it meanwhile."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from cli.chaos.schedule import Act, Kind

UNAVAILABLE = 503


@dataclass(slots=True)
class Kill:
    """One kill -9. `served_s`: until requests were answered again; None if they never were."""

    name: str
    at_s: float
    served_s: float | None = None

    @property
    def role(self) -> str:
        """cell, rest, registry, router or edge."""
        return self.name.partition("-")[0]


@dataclass(slots=True)
class Fault:
    """One fault of a cell's inserts or of a region's disk.

    `felt`: inserts that met it; requests that the log refused for its bound; 1 for a disk that was full.
    `unavailable`: 503s that clients of the region were answered meanwhile. `served_s`: seconds from its end
    to the next 200.
    """

    act: Act
    region: str
    felt: int = 0
    unavailable: int = 0
    served_s: float | None = None


@dataclass(slots=True)
class Tally:
    """Everything that was injected."""

    kills: list[Kill] = field(default_factory=list)
    stops: Counter[str] = field(default_factory=Counter)
    faults: list[Fault] = field(default_factory=list)
    active: dict[str, Fault] = field(default_factory=dict)
    """The fault that holds in a region."""

    def heard(self, region: str, status: int) -> None:
        """An answer that a client got."""
        fault = self.active.get(region)
        if fault is not None and status == UNAVAILABLE:
            fault.unavailable += 1

    def of(self, kind: Kind) -> list[Fault]:
        """The faults of a kind."""
        return [fault for fault in self.faults if fault.act.kind is kind]

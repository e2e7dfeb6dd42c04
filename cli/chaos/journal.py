"""What was sent and what was said about it: the client's side of the books."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum


class Once(Enum):
    """How a request can be sent again without being stored again."""

    NEVER = "not sent again"
    EVENT_ID = "event_id"
    KEY = "Idempotency-Key"


class Table(Enum):
    """Where an operation is stored."""

    EVENTS = "events"
    PEOPLE = "people"
    ALIASES = "aliases"


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation as it was sent. `person` is whose it is, `trait` the JSON text that it set."""

    table: Table
    print: bytes
    person: str
    trait: str = ""


@dataclass(slots=True)
class Sent:
    """A request. Not acknowledged means that it is stored whole, or not at all."""

    name: str
    region: str
    project_id: str
    environment: str
    once: Once
    operations: tuple[Operation, ...]
    acknowledged: bool = False

    def names(self) -> list[str]:
        """The name of each of its operations."""
        return [f"{self.name}.{index}" for index in range(len(self.operations))]


@dataclass(slots=True)
class Journal:
    """All requests by name, and how often each (region, status) was answered; status 0 is no answer."""

    sent: dict[str, Sent] = field(default_factory=dict)
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    unexpected: list[str] = field(default_factory=list)

    def add(self, sent: Sent) -> None:
        """A request that is about to leave."""
        self.sent[sent.name] = sent

    def find(self, operation: str) -> tuple[Sent, int] | None:
        """The request and the place in it of an operation's name; None for a name that nobody sent."""
        request, _, index = operation.rpartition(".")
        sent = self.sent.get(request)
        if sent is None or not index.isdecimal() or int(index) >= len(sent.operations):
            return None
        return sent, int(index)

    def acknowledged(self) -> int:
        """Operations that a 200 was received for."""
        return sum(len(sent.operations) for sent in self.sent.values() if sent.acknowledged)

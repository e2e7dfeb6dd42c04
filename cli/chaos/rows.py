"""What is there, as the check wants it: whoever was asked for it, the API or a store."""

from __future__ import annotations

import msgspec


class Row(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A stored operation. `name` is empty for a row that no client of the harness made.

    `log_id` and `log_seq` are its place in the log; the API does not tell them: "" and 0.
    """

    table: str
    project_id: str
    environment: str
    name: str
    print: bytes
    log_id: str = ""
    log_seq: int = 0


class Stored(msgspec.Struct, frozen=True):
    """One region's store: every row, and what is left of them where equal keys count once (FINAL)."""

    region: str
    rows: list[Row]
    final: list[Row]


class Person(msgspec.Struct, frozen=True):
    """A person as the API answers: every id they have, and each trait as JSON text."""

    project_id: str
    environment: str
    ids: list[str]
    traits: dict[str, str]


class Answered(msgspec.Struct, frozen=True):
    """One region's answers: every event, every person."""

    region: str
    events: list[Row]
    people: list[Person]

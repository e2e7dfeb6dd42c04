"""What webhooks and exports know of a row of a log: its number."""

from __future__ import annotations

from typing import Protocol, TypeVar


class Numbered(Protocol):
    """A row."""

    @property
    def seq(self) -> int:
        """Its number in the log, from 1."""


R = TypeVar("R", bound=Numbered)

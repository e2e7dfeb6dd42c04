"""What a demonstration has checked, and the values it plants to look for."""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table


@dataclass(slots=True)
class Findings:
    """What was checked, in order: (what, held, what was seen)."""

    checks: list[tuple[str, bool, str]] = field(default_factory=list)

    def add(self, what: str, held: bool, seen: str) -> None:
        """Notes one check."""
        self.checks.append((what, held, seen))

    @property
    def all_held(self) -> bool:
        """Whether each of them held."""
        return all(held for _, held, _ in self.checks)

    def show(self, console: Console) -> None:
        """Prints them as a table."""
        table = Table(title="Summary", title_justify="left")
        for column in ("check", "held", "seen"):
            table.add_column(column)
        for what, held, seen in self.checks:
            table.add_row(what, "[green]yes[/]" if held else "[bold red]NO[/]", seen)
        console.print(table)


def new_marker() -> str:
    """A value that is nowhere by chance."""
    return "mark_" + "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(20))

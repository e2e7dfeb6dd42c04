"""What a log counts beside its rows: live events by month and project, in the commit that stores them.

A log keeps its totals on disk with its rows, so a kill at any moment leaves both or neither. An event with an
id of the client's is counted once, as long as the log remembers the id: of all events that have one, the last
MOST_IDS. The totals only grow; erasing or expiring an event takes nothing back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from mesh.months import earlier
from storage.log import Append

MOST_IDS: Final = 250_000
"""Some 25 MB in memory: minutes of retries of a busy region, and an afternoon's of a quiet one."""

MONTHS_KEPT: Final = 3
"""The primary region keeps the history; here a month has to outlast its absence."""


class Added(NamedTuple):
    """What one commit adds: events by (month, project id), and ids that have not been seen before."""

    events: Mapping[tuple[int, str], int]
    ids: Sequence[str]


class Usage:
    """Totals and remembered ids of one log. One thread changes it; any may read `totals`."""

    def __init__(self, *, most_ids: int = MOST_IDS) -> None:
        self.totals: dict[int, dict[str, int]] = {}
        """Month (202611 is November 2026, UTC) → project id → live events."""
        self._most_a_generation = max(1, most_ids // 2)
        self._ids: set[str] = set()
        self._older_ids: set[str] = set()

    def added(self, appends: Iterable[Append]) -> Added:
        """What a commit of these would add; nothing is changed yet."""
        events: dict[tuple[int, str], int] = {}
        fresh: dict[str, None] = {}
        for append in appends:
            counted = append.counted
            if counted is None:
                continue
            number = counted.events
            for one in counted.ids:
                if one in self._ids or one in self._older_ids or one in fresh:
                    number -= 1
                else:
                    fresh[one] = None
            if number:
                key = counted.month, counted.project_id
                events[key] = events.get(key, 0) + number
        return Added(events, tuple(fresh))

    def total(self, month: int, project_id: str) -> int:
        """Live events of a project in a month."""
        return self.totals.get(month, {}).get(project_id, 0)

    def set(self, month: int, project_id: str, total: int) -> None:
        """As the disk says."""
        self.totals.setdefault(month, {})[project_id] = total

    def apply(self, added: Added) -> bool:
        """The commit is on disk. True where the older half of the ids was forgotten for it."""
        for (month, project_id), number in added.events.items():
            self.set(month, project_id, self.total(month, project_id) + number)
        return self.remember(added.ids)

    def remember(self, ids: Iterable[str]) -> bool:
        """Takes ids in; True where the older half of those remembered was forgotten for them."""
        self._ids.update(ids)
        if len(self._ids) < self._most_a_generation:
            return False
        self._older_ids, self._ids = self._ids, set()
        return True


def oldest_kept(month: int) -> int:
    """The first month whose totals are still kept in a month."""
    return earlier(month, MONTHS_KEPT - 1)

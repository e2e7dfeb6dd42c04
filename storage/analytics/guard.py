"""The store guard, the third of three refusals: a store of one region takes no row of another's project."""

from __future__ import annotations

from collections.abc import Callable

from sankofa.residency.v1.error_pb2 import ErrorReason
from storage.analytics.errors import StoreRefused


class StoreGuard:
    """Asked once for each distinct project of a batch. `pin_of` answers from the cell's directory."""

    def __init__(self, region: str, pin_of: Callable[[str], str | None]) -> None:
        self.region = region
        self.refusals = 0
        self._pin_of = pin_of

    def check(self, project_id: str) -> None:
        """Raises StoreRefused unless the project is pinned to this region; no pin is a refusal too."""
        pin = self._pin_of(project_id)
        if pin == self.region:
            return
        self.refusals += 1
        unknown = pin is None
        raise StoreRefused(
            ErrorReason.ERROR_REASON_PIN_UNKNOWN if unknown else ErrorReason.ERROR_REASON_WRONG_REGION
        )

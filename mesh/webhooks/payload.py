"""What is sent: one row of a log as JSON, as `GET /api/v1/audit` shows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic

import msgspec

from mesh.numbered import R

ROW: Final = "audit.row"
TEST: Final = "audit.test"


@dataclass(frozen=True, slots=True)
class Payload(Generic[R]):
    """The bodies of one kind of log: `whose` names its scope ("org_id"), `public` is how a row is shown."""

    whose: str
    public: Callable[[R], dict[str, object]]

    def row(self, delivery: str, scope: str, row: R) -> bytes:
        """A row, the same bytes at every attempt."""
        return msgspec.json.encode(self._head(ROW, delivery, scope) | {"row": self.public(row)})

    def test(self, delivery: str, scope: str) -> bytes:
        """A trial: no row."""
        return msgspec.json.encode(self._head(TEST, delivery, scope))

    def _head(self, kind: str, delivery: str, scope: str) -> dict[str, object]:
        return {"type": kind, "delivery_id": delivery, self.whose: scope}

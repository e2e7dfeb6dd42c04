"""The hash chain: each row's hash covers the hash before it, so that no row changes, goes or moves unseen."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

GENESIS: Final = bytes(32)
"""The hash before the first row of a chain."""

Value = Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One row. `scope` is the organisation or the project whose chain it is in; `at_ms` unix milliseconds.

    `before`, `after` and `metadata` are canonical JSON; `null` where there was nothing.
    """

    scope: str
    seq: int
    audit_id: str
    at_ms: int
    actor_id: str
    actor_email: str
    action: str
    resource_type: str
    resource_id: str
    before: str
    after: str
    metadata: str
    hash: bytes = b""

    def hashed_after(self, previous: bytes) -> bytes:
        """SHA-256 of the hash before it and of its fields as one canonical JSON array."""
        fields = [
            self.scope,
            self.seq,
            self.audit_id,
            self.at_ms,
            self.actor_id,
            self.actor_email,
            self.action,
            self.resource_type,
            self.resource_id,
            self.before,
            self.after,
            self.metadata,
        ]
        return hashlib.sha256(previous + canonical(fields).encode()).digest()


def canonical(value: object) -> str:
    """JSON as RFC 8785 has it for what is in here: sorted keys, no space, integers, text and UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)

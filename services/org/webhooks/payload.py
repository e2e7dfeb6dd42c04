"""What is sent: one row of the log as JSON, as `GET /api/v1/audit` shows it."""

from __future__ import annotations

import msgspec

from services.org.audit_rows import row_json
from storage.records.audit.chain import AuditRow

ROW, TEST = "audit.row", "audit.test"


def row_body(delivery: str, org_id: str, row: AuditRow) -> bytes:
    """A row, the same bytes at every attempt."""
    return msgspec.json.encode({"type": ROW, "delivery_id": delivery, "org_id": org_id, "row": row_json(row)})


def test_body(delivery: str, org_id: str) -> bytes:
    """A trial: no row."""
    return msgspec.json.encode({"type": TEST, "delivery_id": delivery, "org_id": org_id})

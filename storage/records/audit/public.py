"""A row of an audit log as the public JSON of webhooks has it."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from storage.records.audit.chain import AuditRow


def row_json(row: AuditRow) -> dict[str, object]:
    """As it is sent."""
    return {
        "id": row.audit_id,
        "seq": row.seq,
        "at": moment(row.at_ms),
        "actor": {"id": row.actor_id, "email": row.actor_email or None},
        "action": row.action,
        "resource": {"type": row.resource_type, "id": row.resource_id},
        "before": msgspec.Raw(row.before.encode()),
        "after": msgspec.Raw(row.after.encode()),
        "metadata": msgspec.Raw(row.metadata.encode()),
        "hash": row.hash.hex(),
    }


def moment(at_ms: int) -> str:
    """RFC 3339 with milliseconds, UTC."""
    at = datetime.fromtimestamp(at_ms // 1000, UTC).replace(microsecond=at_ms % 1000 * 1000, tzinfo=None)
    return f"{at.isoformat(timespec='milliseconds')}Z"

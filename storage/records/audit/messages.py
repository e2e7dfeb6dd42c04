"""Rows and filters of the logs as the messages that the org service and ingest share."""

from __future__ import annotations

from sankofa.org.v1 import audit_pb2 as pb
from storage.records.audit.chain import AuditRow
from storage.records.audit.reading import Filter

MOST_ROWS = 1000


def row_message(row: AuditRow) -> pb.AuditRow:
    """A row."""
    return pb.AuditRow(
        audit_id=row.audit_id,
        seq=row.seq,
        at_unix_ms=row.at_ms,
        actor_id=row.actor_id,
        actor_email=row.actor_email,
        action=row.action,
        resource_type=row.resource_type,
        resource_id=row.resource_id,
        before=row.before,
        after=row.after,
        metadata=row.metadata,
        hash=row.hash,
    )


def filter_of(message: pb.AuditFilter) -> tuple[Filter, int]:
    """Which rows, and how many at most."""
    which = Filter(
        actor_id=message.actor_id,
        action=message.action,
        resource_type=message.resource_type,
        since_ms=message.since_unix_ms,
        until_ms=message.until_unix_ms,
        before_seq=message.before_seq,
    )
    return which, min(message.limit or MOST_ROWS, MOST_ROWS)


def told(which: Filter) -> dict[str, object]:
    """A filter as the row has it that tells of a reading."""
    asked = {
        "actor_id": which.actor_id,
        "action": which.action,
        "resource_type": which.resource_type,
        "since": which.since_ms,
        "until": which.until_ms,
    }
    return {name: value for name, value in asked.items() if value}

"""Rows of the logs as they are stored."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from storage.records.audit.chain import AuditRow


def org_row(row: Row[Any]) -> AuditRow:
    """A row of org_audit."""
    return _row(row.org_id, row)


def project_row(row: Row[Any]) -> AuditRow:
    """A row of project_audit."""
    return _row(row.project_id, row)


def _row(scope: str, row: Row[Any]) -> AuditRow:
    return AuditRow(
        scope=scope,
        seq=row.seq,
        audit_id=row.audit_id,
        at_ms=row.at,
        actor_id=row.actor_id,
        actor_email=row.actor_email,
        action=row.action,
        resource_type=row.resource_type,
        resource_id=row.resource_id,
        before=row.before,
        after=row.after,
        metadata=row.metadata,
        hash=bytes(row.hash),
    )

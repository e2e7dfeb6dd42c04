"""Orders to export the audit log of an organisation or of a project. The files are in the region's blobs."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, String, Table

from storage.records.tables.base import metadata


def _exports(name: str, scope: str, owner: str) -> Table:
    return Table(
        name,
        metadata,
        Column(scope, String, ForeignKey(owner), primary_key=True),
        Column("export_id", String, primary_key=True),
        Column("state", String, nullable=False),
        Column("created_by", String, nullable=False),
        Column("created_at", BigInteger, nullable=False),
        Column("since", BigInteger, nullable=False),
        Column("until", BigInteger, nullable=False),
        Column("rows", BigInteger, nullable=False, server_default="0"),
        Column("bytes", BigInteger, nullable=False, server_default="0"),
        Column("ready_at", BigInteger, nullable=False, server_default="0"),
        CheckConstraint("state IN ('pending', 'ready', 'expired')", name=f"{name}_state"),
        Index(f"{name}_by_state", "state", "created_at"),
    )


audit_exports = _exports("audit_exports", "org_id", "orgs.org_id")
project_exports = _exports("project_exports", "project_id", "projects.project_id")

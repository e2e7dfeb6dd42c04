"""Orders to export an organisation's audit log. The files are in the region's blobs."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, String, Table

from storage.records.tables.base import metadata

audit_exports = Table(
    "audit_exports",
    metadata,
    Column("org_id", String, ForeignKey("orgs.org_id"), primary_key=True),
    Column("export_id", String, primary_key=True),
    Column("state", String, nullable=False),
    Column("created_by", String, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("rows", BigInteger, nullable=False, server_default="0"),
    Column("bytes", BigInteger, nullable=False, server_default="0"),
    Column("ready_at", BigInteger, nullable=False, server_default="0"),
    CheckConstraint("state IN ('pending', 'ready', 'expired')", name="audit_exports_state"),
    Index("audit_exports_by_state", "state", "created_at"),
)

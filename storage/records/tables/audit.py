"""The audit logs: a chain of rows for each organisation, and one for each project that is pinned here."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, LargeBinary, String, Table, Text

from storage.records.tables.base import metadata


def _log(name: str, scope: str, owner: str) -> tuple[Table, Table]:
    """The rows of the chains, and where each chain begins and ends."""
    rows = Table(
        name,
        metadata,
        Column(scope, String, ForeignKey(owner), primary_key=True),
        Column("seq", BigInteger, primary_key=True, autoincrement=False),
        Column("audit_id", String, nullable=False, unique=True),
        Column("at", BigInteger, nullable=False),
        Column("actor_id", String, nullable=False),
        Column("actor_email", String, nullable=False),
        Column("action", String, nullable=False),
        Column("resource_type", String, nullable=False),
        Column("resource_id", String, nullable=False),
        Column("before", Text, nullable=False),
        Column("after", Text, nullable=False),
        Column("metadata", Text, nullable=False),
        Column("hash", LargeBinary, nullable=False),
        Index(f"{name}_by_time", scope, "at"),
    )
    heads = Table(
        f"{name}_heads",
        metadata,
        Column(scope, String, ForeignKey(owner), primary_key=True),
        Column("seq", BigInteger, nullable=False),
        Column("hash", LargeBinary, nullable=False),
        Column("first_seq", BigInteger, nullable=False),
        Column("first_hash", LargeBinary, nullable=False),
    )
    return rows, heads


org_audit, org_audit_heads = _log("org_audit", "org_id", "orgs.org_id")
project_audit, project_audit_heads = _log("project_audit", "project_id", "projects.project_id")
"""`before`, `after` and `metadata` are canonical JSON, as they were hashed. A head has the number and the
hash of its chain's last row; `first_…` are those of the row before the oldest that is kept.
"""

audit_mirrors = Table(
    "audit_mirrors",
    metadata,
    Column("scope", String, primary_key=True),
    Column("log", String, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("first_seq", BigInteger, nullable=False),
)
"""What the region's analytics store may hold of each log: rows beyond `first_seq`, all of them up to `seq`.

A row is there before the first of the log is copied, and until the last has been erased: so it refers to
nothing, and stays when an organisation leaves, until its mirror is gone.
"""

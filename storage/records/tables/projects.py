"""Projects that are pinned to this region, their keys and their API tokens."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    false,
)

from storage.records.tables.base import metadata, region_column

projects = Table(
    "projects",
    metadata,
    Column("project_id", String, primary_key=True),
    Column("org_id", String, nullable=False),
    Column("name", String, nullable=False),
    region_column(),
    Column("state", String, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("retention_days", Integer, nullable=False, server_default="0"),
    Column("audit_days", Integer, nullable=False, server_default="0"),
    Column("plan", String, nullable=False, server_default=""),
    Column("older_events_stay", Boolean, nullable=False, server_default=false()),
    Column("authorized_domains", JSON, nullable=False, server_default="[]"),
    Column("authorized_ips", JSON, nullable=False, server_default="[]"),
    CheckConstraint("state IN ('active', 'archived')", name="projects_state"),
)
"""`retention_days` and `audit_days` 0, `plan` empty: not told yet. `older_events_stay`: those from before
there was a retention carry none and keep none, until it is changed.
"""

api_keys = Table(
    "api_keys",
    metadata,
    Column("key_id", String, primary_key=True),
    Column("project_id", String, ForeignKey("projects.project_id"), nullable=False),
    Column("environment", SmallInteger, nullable=False),
    Column("key_hash", LargeBinary, nullable=False, unique=True),
    Column("created_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger),
    Index("api_keys_by_project", "project_id", "created_at"),
)

api_tokens = Table(
    "api_tokens",
    metadata,
    Column("token_id", String, primary_key=True),
    Column("project_id", String, ForeignKey("projects.project_id"), nullable=False),
    Column("name", String, nullable=False),
    Column("role", SmallInteger, nullable=False),
    Column("token_hash", LargeBinary, nullable=False, unique=True),
    Column("created_by", String, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("last_used_at", BigInteger),
    Column("revoked_at", BigInteger),
    Index("api_tokens_by_project", "project_id", "created_at"),
)
"""`last_used_at`: to within ten minutes."""

"""Where an organisation's audit log is sent, how far that is, and what was given up."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    false,
)

from storage.records.tables.base import metadata

audit_webhooks = Table(
    "audit_webhooks",
    metadata,
    Column("org_id", String, ForeignKey("orgs.org_id"), primary_key=True),
    Column("webhook_id", String, primary_key=True),
    Column("url", String, nullable=False),
    Column("sealed_secret", LargeBinary, nullable=False),
    Column("paused", Boolean, nullable=False, server_default=false()),
    Column("created_at", BigInteger, nullable=False),
    Column("sent_seq", BigInteger, nullable=False),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("failing_since", BigInteger, nullable=False, server_default="0"),
    Column("next_attempt_at", BigInteger, nullable=False, server_default="0"),
    Column("last_error", String, nullable=False, server_default=""),
    Column("delivered_at", BigInteger, nullable=False, server_default="0"),
)
"""`sent_seq` is the number of the last row of the audit chain that was taken or given up: what is yet to be
sent is the chain after it, and never a copy.
"""

audit_dead_letters = Table(
    "audit_dead_letters",
    metadata,
    Column("org_id", String, primary_key=True),
    Column("webhook_id", String, primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("error", String, nullable=False),
    Column("failed_at", BigInteger, nullable=False),
    Column("replaying", Boolean, nullable=False, server_default=false()),
    ForeignKeyConstraint(
        ["org_id", "webhook_id"],
        ["audit_webhooks.org_id", "audit_webhooks.webhook_id"],
        ondelete="CASCADE",
    ),
    Index("audit_dead_letters_replaying", "org_id", "webhook_id", "replaying"),
)
"""Numbers of rows of the chain that were given up; the rows are in the chain."""

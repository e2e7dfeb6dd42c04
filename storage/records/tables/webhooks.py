"""Where the log of an organisation or of a project is sent, how far that is, and what was given up."""

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


def _webhooks(name: str, letters: str, scope: str, owner: str) -> tuple[Table, Table]:
    """The webhooks of one kind of log, and their dead letters.

    `sent_seq` is the number of the last row of the audit chain that was taken or given up: what is yet to be
    sent is the chain after it, and never a copy. Dead letters are numbers of rows of the chain, too.
    """
    webhooks = Table(
        name,
        metadata,
        Column(scope, String, ForeignKey(owner), primary_key=True),
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
    dead_letters = Table(
        letters,
        metadata,
        Column(scope, String, primary_key=True),
        Column("webhook_id", String, primary_key=True),
        Column("seq", BigInteger, primary_key=True, autoincrement=False),
        Column("error", String, nullable=False),
        Column("failed_at", BigInteger, nullable=False),
        Column("replaying", Boolean, nullable=False, server_default=false()),
        ForeignKeyConstraint(
            [scope, "webhook_id"], [f"{name}.{scope}", f"{name}.webhook_id"], ondelete="CASCADE"
        ),
        Index(f"{letters}_replaying", scope, "webhook_id", "replaying"),
    )
    return webhooks, dead_letters


audit_webhooks, audit_dead_letters = _webhooks(
    "audit_webhooks", "audit_dead_letters", "org_id", "orgs.org_id"
)
project_webhooks, project_dead_letters = _webhooks(
    "project_webhooks", "project_dead_letters", "project_id", "projects.project_id"
)

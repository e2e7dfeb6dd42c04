"""An organisation's audit log is sent to webhooks, and exported."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Creates the tables of webhooks and exports."""
    op.create_table(
        "audit_webhooks",
        sa.Column("org_id", sa.String, sa.ForeignKey("orgs.org_id"), primary_key=True),
        sa.Column("webhook_id", sa.String, primary_key=True),
        _text("url"),
        sa.Column("sealed_secret", sa.LargeBinary, nullable=False),
        _flag("paused"),
        _number("created_at"),
        _number("sent_seq"),
        sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
        *(_count(name) for name in ("failing_since", "next_attempt_at", "delivered_at")),
        sa.Column("last_error", sa.String, nullable=False, server_default=""),
    )
    op.create_table(
        "audit_dead_letters",
        sa.Column("org_id", sa.String, primary_key=True),
        sa.Column("webhook_id", sa.String, primary_key=True),
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        _text("error"),
        _number("failed_at"),
        _flag("replaying"),
        sa.ForeignKeyConstraint(
            ["org_id", "webhook_id"],
            ["audit_webhooks.org_id", "audit_webhooks.webhook_id"],
            ondelete="CASCADE",
        ),
    )
    replaying = ["org_id", "webhook_id", "replaying"]
    op.create_index("audit_dead_letters_replaying", "audit_dead_letters", replaying)
    op.create_table(
        "audit_exports",
        sa.Column("org_id", sa.String, sa.ForeignKey("orgs.org_id"), primary_key=True),
        sa.Column("export_id", sa.String, primary_key=True),
        _text("state"),
        _text("created_by"),
        *(_number(name) for name in ("created_at", "since", "until")),
        *(_count(name) for name in ("rows", "bytes", "ready_at")),
        sa.CheckConstraint("state IN ('pending', 'ready', 'expired')", name="audit_exports_state"),
    )
    op.create_index("audit_exports_by_state", "audit_exports", ["state", "created_at"])


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.String, nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, server_default="0")


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean, nullable=False, server_default=sa.false())

"""A project's audit log is sent to webhooks, and exported, in its own region; which knows the plan."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Creates the tables. A project's plan is told with the next word of its organisation's region."""
    op.add_column("projects", sa.Column("plan", sa.String, nullable=False, server_default=""))
    op.create_table(
        "project_webhooks",
        sa.Column("project_id", sa.String, sa.ForeignKey("projects.project_id"), primary_key=True),
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
        "project_dead_letters",
        sa.Column("project_id", sa.String, primary_key=True),
        sa.Column("webhook_id", sa.String, primary_key=True),
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        _text("error"),
        _number("failed_at"),
        _flag("replaying"),
        sa.ForeignKeyConstraint(
            ["project_id", "webhook_id"],
            ["project_webhooks.project_id", "project_webhooks.webhook_id"],
            ondelete="CASCADE",
        ),
    )
    replaying = ["project_id", "webhook_id", "replaying"]
    op.create_index("project_dead_letters_replaying", "project_dead_letters", replaying)
    op.create_table(
        "project_exports",
        sa.Column("project_id", sa.String, sa.ForeignKey("projects.project_id"), primary_key=True),
        sa.Column("export_id", sa.String, primary_key=True),
        _text("state"),
        _text("created_by"),
        *(_number(name) for name in ("created_at", "since", "until")),
        *(_count(name) for name in ("rows", "bytes", "ready_at")),
        sa.CheckConstraint("state IN ('pending', 'ready', 'expired')", name="project_exports_state"),
    )
    op.create_index("project_exports_by_state", "project_exports", ["state", "created_at"])


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.String, nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, server_default="0")


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean, nullable=False, server_default=sa.false())

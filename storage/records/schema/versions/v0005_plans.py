"""What organisations use of their plans, changes of these, and what projects have been lent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Creates the tables. What was counted before is nobody's: no version before counted."""
    op.create_table(
        "usage",
        sa.Column("org_id", sa.String, sa.ForeignKey("orgs.org_id"), primary_key=True),
        sa.Column("project_id", sa.String, primary_key=True),
        sa.Column("month", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("region", sa.String, nullable=False),
        sa.Column("events", sa.BigInteger, nullable=False),
        sa.Column("budget", sa.BigInteger, nullable=False),
        sa.Column("leased_until", sa.BigInteger, nullable=False),
        sa.Column("reported_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "plan_changes",
        sa.Column("org_id", sa.String, sa.ForeignKey("orgs.org_id"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("plan_before", sa.String, nullable=False),
        sa.Column("plan", sa.String, nullable=False),
    )
    op.create_table(
        "event_budgets",
        sa.Column("project_id", sa.String, primary_key=True),
        sa.Column("month", sa.Integer, nullable=False),
        sa.Column("events", sa.BigInteger, nullable=False),
        sa.Column("unlimited", sa.Boolean, nullable=False),
        sa.CheckConstraint("events >= 0", name="event_budgets_events"),
    )

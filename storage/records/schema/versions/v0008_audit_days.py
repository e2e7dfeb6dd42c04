"""For how long the rows of a project's audit log are kept. 0: not told yet, and they stay."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Adds the column."""
    op.add_column("projects", sa.Column("audit_days", sa.Integer, nullable=False, server_default="0"))

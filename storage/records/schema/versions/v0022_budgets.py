"""The number of the last answer about a project's usage: only after it a region is believed what it holds."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Adds the column."""
    op.add_column("usage", sa.Column("answers", sa.BigInteger, nullable=False, server_default="0"))

"""Second factors of the region's accounts, and their recovery codes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Creates the tables."""
    op.create_table(
        "second_factors",
        sa.Column("user_id", sa.String, sa.ForeignKey("accounts.user_id"), primary_key=True),
        sa.Column("sealed_secret", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("confirmed_at", sa.BigInteger),
        sa.Column("last_step", sa.BigInteger, nullable=False),
        sa.Column("wrong_codes", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "recovery_codes",
        sa.Column("user_id", sa.String, sa.ForeignKey("accounts.user_id"), primary_key=True),
        sa.Column("code_hash", sa.String, primary_key=True),
    )

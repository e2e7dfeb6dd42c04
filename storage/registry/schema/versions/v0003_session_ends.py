"""Sessions that have ended, until none of their tokens can be valid any more."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Creates the table."""
    op.create_table(
        "session_ends",
        sa.Column("region", sa.String, primary_key=True),
        sa.Column("session_id", sa.String, primary_key=True),
        sa.Column("forget_after_unix_ms", sa.BigInteger, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("signed", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("session_ends_by_seq", "session_ends", ["seq"])

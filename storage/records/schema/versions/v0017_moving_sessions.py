"""Sessions go where their account goes; an ended one is nobody's, and stays."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Adds what a session brings along, and where those went that have gone."""
    op.add_column("sessions", sa.Column("carried_key", sa.LargeBinary))
    op.add_column("sessions", sa.Column("carried_number", sa.BigInteger))
    op.execute("UPDATE sessions SET user_id = '' WHERE forget_after IS NOT NULL")
    op.create_table(
        "moved_sessions",
        sa.Column("session_id", sa.String, primary_key=True),
        sa.Column("to_region", sa.String, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
    )
    op.create_index("moved_sessions_by_expiry", "moved_sessions", ["expires_at"])

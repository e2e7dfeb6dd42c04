"""How far each audit log is mirrored in the region's analytics store."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Nothing is mirrored yet."""
    op.create_table(
        "audit_mirrors",
        sa.Column("scope", sa.String, primary_key=True),
        sa.Column("log", sa.String, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("first_seq", sa.BigInteger, nullable=False),
    )

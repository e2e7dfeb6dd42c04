"""The secret of refresh tokens, which hung on the token key until now."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Creates the table; the first start after it derives the secret as before, so that tokens stay good."""
    op.create_table(
        "refresh_secret",
        sa.Column("id", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("secret", sa.LargeBinary, nullable=False),
        sa.CheckConstraint("id = 1", name="refresh_secret_one"),
    )

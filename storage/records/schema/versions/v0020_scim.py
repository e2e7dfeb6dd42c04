"""SCIM: the token of a directory, whom it has named, and its own number of a team."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Creates the tables, and the column."""
    op.create_table(
        "scim_tokens",
        sa.Column("org_id", sa.String, sa.ForeignKey("orgs.org_id"), primary_key=True),
        sa.Column("token_id", sa.String, nullable=False),
        sa.Column("token_hash", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("created_by", sa.String, nullable=False),
    )
    op.create_table(
        "scim_users",
        sa.Column("org_id", sa.String, sa.ForeignKey("orgs.org_id"), primary_key=True),
        sa.Column("user_id", sa.String, primary_key=True),
        sa.Column("user_name", sa.String, nullable=False),
        sa.Column("external_id", sa.String, nullable=False),
        sa.Column("email", sa.String, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
    )
    op.create_index("scim_users_by_external_id", "scim_users", ["org_id", "external_id"])
    op.add_column("teams", sa.Column("external_id", sa.String, nullable=False, server_default=""))

"""Single sign-on: settings, identities, sign-ins that have begun."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Creates the tables."""
    op.create_table(
        "sso_settings",
        sa.Column("org_id", sa.String, sa.ForeignKey("orgs.org_id"), primary_key=True),
        sa.Column("issuer", sa.String, nullable=False),
        sa.Column("client_id", sa.String, nullable=False),
        sa.Column("client_secret_name", sa.String, nullable=False),
        sa.Column("default_role", sa.SmallInteger, nullable=False),
        sa.Column("allowed_domains", sa.JSON, nullable=False),
        sa.Column("required", sa.Boolean, nullable=False),
    )
    op.create_table(
        "sso_identities",
        sa.Column("org_id", sa.String, sa.ForeignKey("orgs.org_id"), primary_key=True),
        sa.Column("issuer", sa.String, primary_key=True),
        sa.Column("subject", sa.String, primary_key=True),
        sa.Column("user_id", sa.String, nullable=False),
        sa.Column("email", sa.String, nullable=False),
        sa.Column("email_key", sa.String, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    op.create_index("sso_identities_by_user", "sso_identities", ["org_id", "user_id"])
    op.create_table(
        "sso_sign_ins",
        sa.Column("state_hash", sa.LargeBinary, primary_key=True),
        sa.Column("org_id", sa.String, nullable=False),
        sa.Column("issuer", sa.String, nullable=False),
        sa.Column("client_id", sa.String, nullable=False),
        sa.Column("redirect_uri", sa.String, nullable=False),
        sa.Column("nonce", sa.String, nullable=False),
        sa.Column("verifier", sa.String, nullable=False),
        sa.Column("browser_hash", sa.LargeBinary, nullable=False),
        sa.Column("return_to", sa.String, nullable=False),
        sa.Column("link_user_id", sa.String, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
    )
    op.create_index("sso_sign_ins_by_expiry", "sso_sign_ins", ["expires_at"])
    op.create_index("sso_sign_ins_by_org", "sso_sign_ins", ["org_id", "expires_at"])

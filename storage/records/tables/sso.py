"""Single sign-on: an organisation's settings, whom its provider knows, and sign-ins that have begun."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    SmallInteger,
    String,
    Table,
)

from storage.records.tables.base import metadata

sso_settings = Table(
    "sso_settings",
    metadata,
    Column("org_id", String, ForeignKey("orgs.org_id"), primary_key=True),
    Column("issuer", String, nullable=False),
    Column("client_id", String, nullable=False),
    Column("client_secret_name", String, nullable=False),
    Column("default_role", SmallInteger, nullable=False),
    Column("allowed_domains", JSON, nullable=False),
    Column("required", Boolean, nullable=False),
)
"""`client_secret_name` names a file of the region; the secret itself is in no database."""

sso_identities = Table(
    "sso_identities",
    metadata,
    Column("org_id", String, ForeignKey("orgs.org_id"), primary_key=True),
    Column("issuer", String, primary_key=True),
    Column("subject", String, primary_key=True),
    Column("user_id", String, nullable=False),
    Column("email", String, nullable=False),
    Column("email_key", String, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Index("sso_identities_by_user", "org_id", "user_id"),
)
"""Who a provider's person is in the organisation. They stay when a membership ends: nobody comes back by
signing in again.
"""

sso_sign_ins = Table(
    "sso_sign_ins",
    metadata,
    Column("state_hash", LargeBinary, primary_key=True),
    Column("org_id", String, nullable=False),
    Column("issuer", String, nullable=False),
    Column("client_id", String, nullable=False),
    Column("redirect_uri", String, nullable=False),
    Column("nonce", String, nullable=False),
    Column("verifier", String, nullable=False),
    Column("browser_hash", LargeBinary, nullable=False),
    Column("return_to", String, nullable=False),
    Column("link_user_id", String, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Index("sso_sign_ins_by_expiry", "expires_at"),
    Index("sso_sign_ins_by_org", "org_id", "expires_at"),
)
"""Sign-ins between the two visits of a browser. `link_user_id`: whom the person is to be, or empty."""

"""The secrets that a region has for itself."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, LargeBinary, SmallInteger, String, Table

from storage.records.tables.base import metadata

token_keys = Table(
    "token_keys",
    metadata,
    Column("kid", String, primary_key=True),
    Column("private_key", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)
"""The region's own keys for signing tokens; the newest signs."""

refresh_secret = Table(
    "refresh_secret",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("secret", LargeBinary, nullable=False),
    CheckConstraint("id = 1", name="refresh_secret_one"),
)
"""One row: what the secrets in refresh tokens are made with. It outlives the token keys."""

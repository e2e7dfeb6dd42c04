"""Accounts of people whose home this region is, and its keys for their tokens."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, LargeBinary, String, Table

from storage.records.tables.base import metadata

accounts = Table(
    "accounts",
    metadata,
    Column("user_id", String, primary_key=True),
    Column("email", String, nullable=False),
    Column("email_key", String, nullable=False, unique=True),
    Column("password_hash", String, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)
"""`email` is as its owner wrote it, `email_key` normalised."""

account_orgs = Table(
    "account_orgs",
    metadata,
    Column("user_id", String, ForeignKey("accounts.user_id"), primary_key=True),
    Column("org_id", String, primary_key=True),
)
"""Organisations that a person may be a member of. Whether they are is known where the organisation is."""

token_keys = Table(
    "token_keys",
    metadata,
    Column("kid", String, primary_key=True),
    Column("private_key", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)
"""The region's own keys for signing tokens; the newest signs."""

"""Accounts of people whose home this region is."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, LargeBinary, String, Table

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

second_factors = Table(
    "second_factors",
    metadata,
    Column("user_id", String, ForeignKey("accounts.user_id"), primary_key=True),
    Column("sealed_secret", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("confirmed_at", BigInteger),
    Column("last_step", BigInteger, nullable=False),
    Column("wrong_codes", BigInteger, nullable=False),
)
"""`last_step` is the time step of the newest code that was accepted: none up to it is accepted again.
`wrong_codes` counts those in a row. One that is not confirmed has been begun, and counts for nothing yet.
"""

recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column("user_id", String, ForeignKey("accounts.user_id"), primary_key=True),
    Column("code_hash", String, primary_key=True),
)
"""Those that have not been used; 64 hex digits of a keyed hash."""

sessions = Table(
    "sessions",
    metadata,
    Column("session_id", String, primary_key=True),
    Column("user_id", String, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("last_used_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("address", String, nullable=False),
    Column("user_agent", String, nullable=False),
    Column("forget_after", BigInteger),
    Column("carried_key", LargeBinary),
    Column("carried_number", BigInteger),
    Column("org_id", String, nullable=False, server_default=""),
    Column("member_id", String, nullable=False, server_default=""),
    Index("sessions_by_user", "user_id"),
    Index("sessions_by_member", "member_id"),
    Index("sessions_by_end", "forget_after"),
    Index("sessions_by_expiry", "expires_at"),
)
"""`generation` numbers the refresh token that is to be shown next. `forget_after` is set when a session ends:
from then on no token of it can be valid, and it is nobody's: what goes with an account are those that go on.
`carried_key` is what the home before made its tokens with, up to `carried_number`. A single sign-on is the
organisation's, `org_id`, and no account's: `user_id` is empty, `member_id` says whose it is. A row with the
`generation` -1 has an account's id, and says that all its single sign-ons ended at `created_at`.
"""

moved_sessions = Table(
    "moved_sessions",
    metadata,
    Column("session_id", String, primary_key=True),
    Column("to_region", String, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Index("moved_sessions_by_expiry", "expires_at"),
)
"""Where sessions went, for who shows a token that names this region; until the last of these has expired."""

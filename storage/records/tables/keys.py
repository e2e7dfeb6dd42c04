"""The secrets that a region has for itself."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, CheckConstraint, Column, LargeBinary, SmallInteger, String, Table

from storage.records.tables.base import metadata

token_keys = Table(
    "token_keys",
    metadata,
    Column("kid", String, primary_key=True),
    Column("private_key", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("signs_since", BigInteger, nullable=False, server_default="0"),
    Column("verifies_until", BigInteger, nullable=False, server_default="0"),
    Column("retired_at", BigInteger, nullable=False, server_default="0"),
    Column("longest_ms", BigInteger, nullable=False, server_default="0"),
    Column("without", JSON, nullable=False, server_default="[]"),
    Column("public_key", LargeBinary),
)
"""The region's own keys for signing tokens. A key that signs has `signs_since` and no `verifies_until` (there
is one), one that is announced has neither. `longest_ms` is how long a token of it may live; `without` names
regions that are not waited for; `public_key` is what is left of a retired key, whose `private_key` is empty.
"""

refresh_secret = Table(
    "refresh_secret",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("secret", LargeBinary, nullable=False),
    CheckConstraint("id = 1", name="refresh_secret_one"),
)
"""One row: what the secrets in refresh tokens are made with. It outlives the token keys."""

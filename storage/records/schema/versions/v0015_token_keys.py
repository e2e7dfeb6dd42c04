"""Token keys that come and go: how far each of them is."""

from __future__ import annotations

import time

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

_LONGEST_MS = 20 * 60_000


def upgrade() -> None:
    """The newest key signs, as until now; older ones, if there are any, verify their last tokens."""
    for name in ("signs_since", "verifies_until", "retired_at", "longest_ms"):
        op.add_column("token_keys", sa.Column(name, sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("token_keys", sa.Column("without", sa.JSON, nullable=False, server_default="[]"))
    op.add_column("token_keys", sa.Column("public_key", sa.LargeBinary))
    keys = sa.table(
        "token_keys",
        *(sa.column(name) for name in ("kid", "created_at", "signs_since", "verifies_until")),
    )
    op.execute(keys.update().values(signs_since=keys.c.created_at))
    newest = sa.select(keys.c.kid).order_by(keys.c.created_at.desc()).limit(1).scalar_subquery()
    until = time.time_ns() // 1_000_000 + _LONGEST_MS
    op.execute(keys.update().where(keys.c.kid != newest).values(verifies_until=until))

"""The audit logs of organisations and of projects. What was done before has no rows: a chain begins here."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Makes both logs, and the heads of their chains."""
    _make("org_audit", "org_id", "orgs.org_id")
    _make("project_audit", "project_id", "projects.project_id")
    _begin("org_audit_heads", "org_id", "orgs")
    _begin("project_audit_heads", "project_id", "projects")


def _begin(heads: str, scope: str, owners: str) -> None:
    """A chain has its head before its first row: that is what its writers lock."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    nothing = f"X'{'00' * 32}'" if sqlite else "decode(repeat('00', 32), 'hex')"
    op.execute(
        f"INSERT INTO {heads} ({scope}, seq, hash, first_seq, first_hash) "
        f"SELECT {scope}, 0, {nothing}, 0, {nothing} FROM {owners}"
    )


def _make(name: str, scope: str, owner: str) -> None:
    texts = ("actor_id", "actor_email", "action", "resource_type", "resource_id")
    op.create_table(
        name,
        sa.Column(scope, sa.String, sa.ForeignKey(owner), primary_key=True),
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("audit_id", sa.String, nullable=False, unique=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        *(sa.Column(text, sa.String, nullable=False) for text in texts),
        *(sa.Column(text, sa.Text, nullable=False) for text in ("before", "after", "metadata")),
        sa.Column("hash", sa.LargeBinary, nullable=False),
    )
    op.create_index(f"{name}_by_time", name, [scope, "at"])
    op.create_table(
        f"{name}_heads",
        sa.Column(scope, sa.String, sa.ForeignKey(owner), primary_key=True),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.Column("first_seq", sa.BigInteger, nullable=False),
        sa.Column("first_hash", sa.LargeBinary, nullable=False),
    )

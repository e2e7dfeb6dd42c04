"""Organisations and accounts may move between regions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Creates the tables of moves."""
    _words("org_handovers", "org_id", "orgs.org_id")
    _words("account_handovers", "user_id", "accounts.user_id")
    op.create_table(
        "fences",
        sa.Column("subject", sa.String, primary_key=True),
        sa.Column("hint", sa.String),
        sa.Column("to_region", sa.String, nullable=False),
        sa.Column("moved", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("erasing", sa.Boolean, nullable=False, server_default=sa.false()),
    )
    op.create_index("fences_by_hint", "fences", ["hint"])
    _departures()
    _arrivals()


def _words(name: str, owner: str, of: str) -> None:
    op.create_table(
        name,
        sa.Column(owner, sa.String, sa.ForeignKey(of), primary_key=True),
        sa.Column("epoch", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("word", sa.LargeBinary, nullable=False),
    )


def _departures() -> None:
    op.create_table(
        "departures",
        sa.Column("operation_id", sa.String, primary_key=True),
        _text("org_id"),
        _text("to_region"),
        _number("epoch"),
        sa.Column("step", sa.Integer, nullable=False),
        _text("asked_by"),
        sa.Column("digest_key", sa.LargeBinary, nullable=False),
        _number("begun_at"),
        *(_count(name) for name in ("fenced_at", "switched_at", "finished_at", "rows", "accounts")),
        sa.Column("tables", sa.JSON, nullable=False, server_default="[]"),
        sa.Column("word", sa.LargeBinary, nullable=False, server_default=""),
        sa.Column("reason", sa.String, nullable=False, server_default=""),
    )
    op.create_index("departures_by_org", "departures", ["org_id", "begun_at"])
    op.create_table(
        "account_departures",
        sa.Column("account_id", sa.String, primary_key=True),
        sa.Column("operation_id", sa.String, sa.ForeignKey("departures.operation_id"), nullable=False),
        sa.Column("word", sa.LargeBinary, nullable=False),
    )


def _arrivals() -> None:
    op.create_table(
        "arrivals",
        sa.Column("operation_id", sa.String, primary_key=True),
        _text("org_id"),
        _text("from_region"),
        _number("epoch"),
        sa.Column("step", sa.Integer, nullable=False),
        _count("cursor"),
        _number("begun_at"),
        *(_count(name) for name in ("finished_at", "write_pause_ms", "rows", "accounts")),
    )
    op.create_index("arrivals_by_org", "arrivals", ["org_id", "begun_at"])
    op.create_table(
        "arriving_rows",
        sa.Column("operation_id", sa.String, sa.ForeignKey("arrivals.operation_id"), primary_key=True),
        sa.Column("cursor", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("nonce", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.String, nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, server_default="0")

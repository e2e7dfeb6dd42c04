"""The first tables; pins and login hints are written once."""

from __future__ import annotations

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

WRITTEN_ONCE = {"pins": "project_id", "login_hints": "hint"}


def upgrade() -> None:
    """Creates the tables and the triggers, and gives the feed its id."""
    op.create_table(
        "feed",
        sa.Column("id", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("feed_id", sa.String, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
    )
    _facts("signers", _key("region"), _key("key_id"))
    _facts("jwt_keys", _key("region"), _key("kid"))
    _facts("pins", _key("project_id"), sa.Column("org_id", sa.String, nullable=False), _region())
    _facts(
        "api_keys",
        sa.Column("key_hash", sa.LargeBinary, primary_key=True),
        sa.Column("key_id", sa.String, nullable=False),
        sa.Column("project_id", sa.String, nullable=False),
        sa.Column("environment", sa.SmallInteger, nullable=False),
        sa.Column("revoked", sa.Boolean, nullable=False),
        _region(),
    )
    _facts("orgs", _key("org_id"), sa.Column("epoch", sa.BigInteger, nullable=False), _region())
    _facts("login_hints", _key("hint"), _region())
    op.create_index("pins_by_region", "pins", ["region", "seq"])
    op.create_index("api_keys_by_region", "api_keys", ["region", "seq"])
    triggers = _postgresql if op.get_bind().dialect.name == "postgresql" else _sqlite
    for statement in triggers():
        op.execute(statement)
    feed = sa.table("feed", sa.column("id"), sa.column("feed_id"), sa.column("seq"))
    op.bulk_insert(feed, [{"id": 1, "feed_id": secrets.token_hex(16), "seq": 0}])


def _key(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.String, primary_key=True)


def _region() -> sa.Column[str]:
    return sa.Column("region", sa.String, nullable=False)


def _facts(name: str, *columns: sa.Column[str] | sa.Column[bytes] | sa.Column[int] | sa.Column[bool]) -> None:
    op.create_table(
        name,
        *columns,
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("signed", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index(f"{name}_by_seq", name, ["seq"])


def _postgresql() -> list[str]:
    function = (
        "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% is written once', TG_TABLE_NAME; END $$"
    )
    return [function] + [
        f"CREATE TRIGGER {table}_written_once BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        for table in WRITTEN_ONCE
    ]


def _sqlite() -> list[str]:
    """INSERT OR REPLACE deletes without a DELETE trigger, hence the one on INSERT."""
    refuse = "BEGIN SELECT RAISE(ABORT, '{table} is written once'); END"
    known = "WHEN EXISTS (SELECT 1 FROM {table} WHERE {key} = NEW.{key}) "
    shape = "CREATE TRIGGER {table}_no_{event} BEFORE {event} ON {table} "
    return [
        (shape + (known if event == "insert" else "") + refuse).format(table=table, key=key, event=event)
        for table, key in WRITTEN_ONCE.items()
        for event in ("update", "delete", "insert")
    ]

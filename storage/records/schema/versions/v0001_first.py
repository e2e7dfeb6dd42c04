"""The first tables. The region of the store and of every project is written once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

WRITTEN_ONCE = {
    "store": ("region",),
    "projects": ("project_id", "org_id", "region"),
    "org_projects": ("project_id", "org_id", "region"),
    "api_keys": ("key_id", "project_id", "environment", "key_hash"),
}


def upgrade() -> None:
    """Creates the tables and the triggers."""
    op.create_table(
        "store",
        sa.Column("id", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("region", sa.String, nullable=False, unique=True),
        sa.CheckConstraint("id = 1", name="store_one_region"),
    )
    _org_side()
    _access()
    _project_side()
    triggers = _postgresql if op.get_bind().dialect.name == "postgresql" else _sqlite
    for statement in triggers():
        op.execute(statement)


def _org_side() -> None:
    op.create_table(
        "accounts",
        _key("user_id"),
        _text("email"),
        sa.Column("email_key", sa.String, nullable=False, unique=True),
        _text("password_hash"),
        _number("created_at"),
    )
    op.create_table(
        "orgs",
        _key("org_id"),
        _text("name"),
        _text("plan"),
        _number("epoch"),
        _number("created_at"),
        sa.CheckConstraint("plan IN ('hobby', 'pro', 'growth', 'enterprise')", name="orgs_plan"),
    )
    op.create_table(
        "members",
        _key("org_id", "orgs.org_id"),
        _key("user_id"),
        _small("role"),
        _text("home_region"),
    )
    op.create_index("members_by_user", "members", ["user_id"])
    op.create_table(
        "org_projects",
        _key("project_id"),
        _text("org_id", "orgs.org_id"),
        _text("name"),
        _text("region"),
        _text("state"),
        _number("ticket_expires_at"),
        _number("created_at"),
        _text("created_by"),
        sa.CheckConstraint("state IN ('pending', 'active', 'archived')", name="org_projects_state"),
    )
    op.create_index("org_projects_by_org", "org_projects", ["org_id", "created_at"])
    op.create_table(
        "project_roles", _key("project_id", "org_projects.project_id"), _key("user_id"), _small("role")
    )
    op.create_table(
        "token_keys",
        _key("kid"),
        sa.Column("private_key", sa.LargeBinary, nullable=False),
        _number("created_at"),
    )


def _access() -> None:
    feed = op.create_table(
        "access_feed",
        sa.Column("id", sa.SmallInteger, primary_key=True, autoincrement=False),
        _number("seq"),
    )
    op.bulk_insert(feed, [{"id": 1, "seq": 0}])
    op.create_table(
        "access_rows",
        _key("project_id", "org_projects.project_id"),
        _key("user_id"),
        _text("org_id"),
        _text("region"),
        _small("role"),
        _text("home_region"),
        _number("seq"),
    )
    op.create_index("access_rows_by_region", "access_rows", ["region", "seq"])


def _project_side() -> None:
    op.create_table(
        "projects",
        _key("project_id"),
        _text("org_id"),
        _text("name"),
        _text("region", "store.region"),
        _text("state"),
        _number("created_at"),
        sa.CheckConstraint("state IN ('active', 'archived')", name="projects_state"),
    )
    op.create_table(
        "api_keys",
        _key("key_id"),
        _text("project_id", "projects.project_id"),
        _small("environment"),
        sa.Column("key_hash", sa.LargeBinary, nullable=False, unique=True),
        _number("created_at"),
        sa.Column("revoked_at", sa.BigInteger),
    )
    op.create_index("api_keys_by_project", "api_keys", ["project_id", "created_at"])
    op.create_table(
        "outbox",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True
        ),
        sa.Column("name", sa.LargeBinary, nullable=False, unique=True),
        _text("region", "store.region"),
        sa.Column("row", sa.LargeBinary, nullable=False),
        sa.Column("published_feed_id", sa.String),
        sa.Column("refusal", sa.String),
        sqlite_autoincrement=True,
    )


def _key(name: str, of: str | None = None) -> sa.Column[str]:
    return sa.Column(name, sa.String, *_foreign(of), primary_key=True)


def _text(name: str, of: str | None = None) -> sa.Column[str]:
    return sa.Column(name, sa.String, *_foreign(of), nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)


def _small(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.SmallInteger, nullable=False)


def _foreign(of: str | None) -> list[sa.ForeignKey]:
    return [] if of is None else [sa.ForeignKey(of)]


def _postgresql() -> list[str]:
    refuse = (
        "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% is written once', TG_TABLE_NAME; END $$"
    )
    update = "CREATE TRIGGER {0}_written_once BEFORE UPDATE OF {1} ON {0} EXECUTE FUNCTION refuse_change()"
    revoked = (
        "CREATE TRIGGER api_keys_revoked_for_ever BEFORE UPDATE OF revoked_at ON api_keys FOR EACH ROW "
        "WHEN (OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS NULL) EXECUTE FUNCTION refuse_change()"
    )
    return [refuse, *(update.format(table, ", ".join(of)) for table, of in WRITTEN_ONCE.items()), revoked]


def _sqlite() -> list[str]:
    update = (
        "CREATE TRIGGER {0}_written_once BEFORE UPDATE OF {1} ON {0} "
        "BEGIN SELECT RAISE(ABORT, '{0} is written once'); END"
    )
    revoked = (
        "CREATE TRIGGER api_keys_revoked_for_ever BEFORE UPDATE OF revoked_at ON api_keys "
        "WHEN OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS NULL "
        "BEGIN SELECT RAISE(ABORT, 'a key is revoked for ever'); END"
    )
    return [*(update.format(table, ", ".join(of)) for table, of in WRITTEN_ONCE.items()), revoked]

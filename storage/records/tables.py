"""The tables of the records, as schema/ leaves them. Times are unix milliseconds."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    false,
)

metadata = MetaData()

store = Table(
    "store",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("region", String, nullable=False, unique=True),
    CheckConstraint("id = 1", name="store_one_region"),
)
"""One row, written at the first open: the only region that these records may be opened for."""


def _region() -> Column[str]:
    """The database itself refuses a row of another region."""
    return Column("region", String, ForeignKey("store.region"), nullable=False)


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

orgs = Table(
    "orgs",
    metadata,
    Column("org_id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("plan", String, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    CheckConstraint("plan IN ('hobby', 'pro', 'growth', 'enterprise')", name="orgs_plan"),
)

members = Table(
    "members",
    metadata,
    Column("org_id", String, ForeignKey("orgs.org_id"), primary_key=True),
    Column("user_id", String, primary_key=True),
    Column("role", SmallInteger, nullable=False),
    Column("home_region", String, nullable=False),
    Index("members_by_user", "user_id"),
)
"""`role` is an OrgRole; a member's account may be in another region, whose tokens vouch for them."""

org_projects = Table(
    "org_projects",
    metadata,
    Column("project_id", String, primary_key=True),
    Column("org_id", String, ForeignKey("orgs.org_id"), nullable=False),
    Column("name", String, nullable=False),
    Column("region", String, nullable=False),
    Column("state", String, nullable=False),
    Column("ticket_expires_at", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", String, nullable=False),
    Column("retention_days", Integer),
    Column("retention_seq", BigInteger, nullable=False, server_default="0"),
    CheckConstraint("state IN ('pending', 'active', 'archived')", name="org_projects_state"),
    Index("org_projects_by_org", "org_id", "created_at"),
)
"""`retention_days` is what an Owner has set, null what the plan grants; `retention_seq` numbers in the access
feed the last change of either.
"""

project_roles = Table(
    "project_roles",
    metadata,
    Column("project_id", String, ForeignKey("org_projects.project_id"), primary_key=True),
    Column("user_id", String, primary_key=True),
    Column("role", SmallInteger, nullable=False),
)
"""Roles given by name; an Owner's or Admin's role in every project is not written here."""

access_feed = Table(
    "access_feed",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, nullable=False),
)
"""One row: the number of the last change of an access row."""

access_rows = Table(
    "access_rows",
    metadata,
    Column("project_id", String, ForeignKey("org_projects.project_id"), primary_key=True),
    Column("user_id", String, primary_key=True),
    Column("org_id", String, nullable=False),
    Column("region", String, nullable=False),
    Column("role", SmallInteger, nullable=False),
    Column("home_region", String, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Index("access_rows_by_region", "region", "seq"),
)
"""What each person may do in each project, as the feed says it; role 0: no longer anything."""

token_keys = Table(
    "token_keys",
    metadata,
    Column("kid", String, primary_key=True),
    Column("private_key", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)
"""The region's own keys for signing tokens; the newest signs."""

projects = Table(
    "projects",
    metadata,
    Column("project_id", String, primary_key=True),
    Column("org_id", String, nullable=False),
    Column("name", String, nullable=False),
    _region(),
    Column("state", String, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("retention_days", Integer, nullable=False, server_default="0"),
    Column("older_events_stay", Boolean, nullable=False, server_default=false()),
    Column("authorized_domains", JSON, nullable=False, server_default="[]"),
    Column("authorized_ips", JSON, nullable=False, server_default="[]"),
    CheckConstraint("state IN ('active', 'archived')", name="projects_state"),
)
"""`retention_days` 0: not told yet. `older_events_stay`: those from before there was a retention carry none
and keep none, until it is changed.
"""

api_keys = Table(
    "api_keys",
    metadata,
    Column("key_id", String, primary_key=True),
    Column("project_id", String, ForeignKey("projects.project_id"), nullable=False),
    Column("environment", SmallInteger, nullable=False),
    Column("key_hash", LargeBinary, nullable=False, unique=True),
    Column("created_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger),
    Index("api_keys_by_project", "project_id", "created_at"),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("name", LargeBinary, nullable=False, unique=True),
    _region(),
    Column("row", LargeBinary, nullable=False),
    Column("published_feed_id", String),
    Column("refusal", String),
    sqlite_autoincrement=True,
)
"""Rows for the registry, one under each name, in the order of their last change.

They are signed when they leave: a signer's certificate ends before the row does. An id is never used
again, so that settling a row that has changed meanwhile settles nothing.
"""

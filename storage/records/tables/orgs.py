"""Organisations whose primary region this is: members, projects, and who may do what in them."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    String,
    Table,
)

from storage.records.tables.base import metadata

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
    Column("email", String, nullable=False, server_default=""),
    Column("joined_at", BigInteger, nullable=False, server_default="0"),
    Column("email_key", String, nullable=False, server_default=""),
    Index("members_by_user", "user_id"),
    Index("members_by_email", "org_id", "email_key"),
)
"""`role` is an OrgRole; a member's account may be in another region, whose tokens vouch for them. `email` is
the account's when they joined, `email_key` the same normalised.
"""

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

"""Who is invited to an organisation, and its teams."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, ForeignKey, Index, LargeBinary, SmallInteger, String, Table

from storage.records.tables.base import metadata

invitations = Table(
    "invitations",
    metadata,
    Column("invitation_id", String, primary_key=True),
    Column("org_id", String, ForeignKey("orgs.org_id"), nullable=False),
    Column("email", String, nullable=False),
    Column("email_key", String, nullable=False),
    Column("role", SmallInteger, nullable=False),
    Column("project_roles", JSON, nullable=False),
    Column("secret_hash", LargeBinary, nullable=False, unique=True),
    Column("invited_by", String, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Index("invitations_by_email", "org_id", "email_key", unique=True),
)
"""Open ones, and those that have expired until they are overtaken. `secret_hash` is the SHA-256 of what the
mail says; `project_roles` are ProjectRoles by project id; `email_key` is the e-mail normalised.
"""

teams = Table(
    "teams",
    metadata,
    Column("team_id", String, primary_key=True),
    Column("org_id", String, ForeignKey("orgs.org_id"), nullable=False),
    Column("name", String, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("external_id", String, nullable=False, server_default=""),
    Column("name_key", String, nullable=False, server_default=""),
    Index("teams_by_org", "org_id"),
)
"""`external_id` is the number of the organisation's own directory, where that manages the team; `name_key` is
the name normalised.
"""

team_members = Table(
    "team_members",
    metadata,
    Column("team_id", String, ForeignKey("teams.team_id"), primary_key=True),
    Column("user_id", String, primary_key=True),
    Column("org_id", String, nullable=False),
    Index("team_members_by_user", "org_id", "user_id"),
)

team_projects = Table(
    "team_projects",
    metadata,
    Column("team_id", String, ForeignKey("teams.team_id"), primary_key=True),
    Column("project_id", String, ForeignKey("org_projects.project_id"), primary_key=True),
    Column("role", SmallInteger, nullable=False),
    Column("org_id", String, nullable=False),
    Index("team_projects_by_project", "project_id"),
)
"""What a team's members may do in projects, where nothing is given them by name."""

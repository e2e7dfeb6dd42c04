"""Members have e-mails, people are invited, teams have projects, accounts point at organisations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

_FENCES = "UPDATE fences SET erasing = {}"


def upgrade() -> None:
    """Adds the tables; members of before get the e-mails of their accounts, as far as those are here."""
    op.add_column("members", sa.Column("email", sa.String, nullable=False, server_default=""))
    op.add_column("members", sa.Column("joined_at", sa.BigInteger, nullable=False, server_default="0"))
    # What is on its way to another region is brought up to date as well: it must have these columns there.
    op.execute(_FENCES.format("true"))
    op.execute(
        "UPDATE members SET "
        "email = coalesce((SELECT email FROM accounts WHERE accounts.user_id = members.user_id), ''), "
        "joined_at = (SELECT created_at FROM orgs WHERE orgs.org_id = members.org_id)"
    )
    op.execute(_FENCES.format("false"))
    _invitations()
    _teams()
    op.create_table("account_orgs", _key("user_id", "accounts.user_id"), _key("org_id"))
    op.execute(
        "INSERT INTO account_orgs (user_id, org_id) SELECT members.user_id, members.org_id "
        "FROM members JOIN accounts ON accounts.user_id = members.user_id"
    )


def _invitations() -> None:
    op.create_table(
        "invitations",
        _key("invitation_id"),
        _text("org_id", "orgs.org_id"),
        _text("email"),
        _text("email_key"),
        sa.Column("role", sa.SmallInteger, nullable=False),
        sa.Column("project_roles", sa.JSON, nullable=False),
        sa.Column("secret_hash", sa.LargeBinary, nullable=False, unique=True),
        _text("invited_by"),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
    )
    op.create_index("invitations_by_email", "invitations", ["org_id", "email_key"], unique=True)


def _teams() -> None:
    op.create_table(
        "teams",
        _key("team_id"),
        _text("org_id", "orgs.org_id"),
        _text("name"),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    op.create_index("teams_by_org", "teams", ["org_id"])
    op.create_table("team_members", _key("team_id", "teams.team_id"), _key("user_id"), _text("org_id"))
    op.create_index("team_members_by_user", "team_members", ["org_id", "user_id"])
    op.create_table(
        "team_projects",
        _key("team_id", "teams.team_id"),
        _key("project_id", "org_projects.project_id"),
        sa.Column("role", sa.SmallInteger, nullable=False),
        _text("org_id"),
    )
    op.create_index("team_projects_by_project", "team_projects", ["project_id"])


def _key(name: str, of: str | None = None) -> sa.Column[str]:
    return sa.Column(name, sa.String, *_foreign(of), primary_key=True)


def _text(name: str, of: str | None = None) -> sa.Column[str]:
    return sa.Column(name, sa.String, *_foreign(of), nullable=False)


def _foreign(of: str | None) -> list[sa.ForeignKey]:
    return [] if of is None else [sa.ForeignKey(of)]

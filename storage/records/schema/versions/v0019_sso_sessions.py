"""Sessions of single sign-on, which are an organisation's."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Tokens of single sign-on from before name no session, and end by themselves within minutes."""
    for name in ("org_id", "member_id"):
        op.add_column("sessions", sa.Column(name, sa.String, nullable=False, server_default=""))
    op.create_index("sessions_by_member", "sessions", ["member_id"])

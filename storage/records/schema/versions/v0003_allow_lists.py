"""Where a project's events may come from. Of projects made before: from anywhere, as until now."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Adds the columns."""
    for name in ("authorized_domains", "authorized_ips"):
        op.add_column("projects", sa.Column(name, sa.JSON, nullable=False, server_default="[]"))

"""How long a project's events are kept: what its Owner wants of it, and what its own region has been told.

Projects made before carry no days in their events. Those events stay until the retention is changed: an
upgrade deletes nothing that nobody has asked to delete.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Adds the columns. Every retention is told again with the first full list of the access feed."""
    op.add_column("org_projects", sa.Column("retention_days", sa.Integer))
    op.add_column(
        "org_projects", sa.Column("retention_seq", sa.BigInteger, nullable=False, server_default="0")
    )
    op.add_column("projects", sa.Column("retention_days", sa.Integer, nullable=False, server_default="0"))
    op.add_column(
        "projects", sa.Column("older_events_stay", sa.Boolean, nullable=False, server_default=sa.false())
    )
    op.execute("UPDATE projects SET older_events_stay = true")

"""What is being done with an organisation, one thing at a time; and accounts may move to a later epoch."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Creates the table of operations; a login hint is written once for each epoch."""
    op.create_table(
        "org_operations",
        sa.Column("org_id", sa.String, primary_key=True),
        sa.Column("finished", sa.Boolean, nullable=False),
        sa.Column("region", sa.String, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("signed", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("org_operations_by_seq", "org_operations", ["seq"])
    op.add_column("login_hints", sa.Column("epoch", sa.BigInteger, nullable=False, server_default="1"))
    postgresql = op.get_bind().dialect.name == "postgresql"
    for statement in _POSTGRESQL if postgresql else _SQLITE:
        op.execute(statement)


_POSTGRESQL = (
    "DROP TRIGGER login_hints_written_once ON login_hints",
    "CREATE TRIGGER login_hints_written_once BEFORE DELETE OR TRUNCATE ON login_hints "
    "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()",
    "CREATE TRIGGER login_hints_once_an_epoch BEFORE UPDATE ON login_hints "
    "FOR EACH ROW WHEN (NEW.epoch <= OLD.epoch OR NEW.hint <> OLD.hint) EXECUTE FUNCTION refuse_change()",
)
_SQLITE = (
    "DROP TRIGGER login_hints_no_update",
    "CREATE TRIGGER login_hints_no_update BEFORE UPDATE ON login_hints "
    "WHEN NEW.epoch <= OLD.epoch OR NEW.hint <> OLD.hint "
    "BEGIN SELECT RAISE(ABORT, 'login_hints is written once'); END",
)

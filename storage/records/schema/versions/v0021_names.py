"""Names and e-mails in the form in which they are one: so that SQL finds who has one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from mesh.hints import normalise

revision = "0021"
down_revision = "0020"

_FENCES = "UPDATE fences SET erasing = {}"
_KEYS = {
    "members": ("org_id, user_id", {"email_key": "email"}),
    "scim_users": ("org_id, user_id", {"user_name_key": "user_name", "email_key": "email"}),
    "teams": ("team_id", {"name_key": "name"}),
}
"""Table → its primary key, and the column that each new one is made of."""


def upgrade() -> None:
    """Adds the columns, in what is on its way to another region as well: it must have them there."""
    for table, (_, keys) in _KEYS.items():
        for key in keys:
            op.add_column(table, sa.Column(key, sa.String, nullable=False, server_default=""))
    op.execute(_FENCES.format("true"))
    for table in _KEYS:
        _fill(table)
    op.execute(_FENCES.format("false"))
    op.create_index("members_by_email", "members", ["org_id", "email_key"])
    op.create_index("scim_users_by_name", "scim_users", ["org_id", "user_name_key"])
    op.create_index("scim_users_by_email", "scim_users", ["org_id", "email_key"])


def _fill(table: str) -> None:
    primary, keys = _KEYS[table]
    names, sources = primary.split(", "), ", ".join(keys.values())
    connection = op.get_bind()
    rows = connection.execute(sa.text(f"SELECT {primary}, {sources} FROM {table}")).mappings().all()
    written = [
        {name: row[name] for name in names} | {key: normalise(row[source]) for key, source in keys.items()}
        for row in rows
    ]
    if written:
        this = " AND ".join(f"{name} = :{name}" for name in names)
        values = ", ".join(f"{key} = :{key}" for key in keys)
        connection.execute(sa.text(f"UPDATE {table} SET {values} WHERE {this}"), written)

"""The registry's tables, as schema/ leaves them."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
)

from storage.registry.rules import OF_ONE_REGION

metadata = MetaData()

feed = Table(
    "feed",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("feed_id", String, nullable=False),
    Column("seq", BigInteger, nullable=False),
)
"""One row: which feed this is, and the number of its last change."""


def _facts(name: str, *columns: Column[str] | Column[bytes] | Column[int] | Column[bool]) -> Table:
    """A table of signed rows. Columns named like the fact's fields are filled from them.

    Without a rowid in SQLite: a REPLACE by rowid would get past the triggers of the other key.
    """
    region = () if any(column.name == "region" for column in columns) else (Column("region", String),)
    table = Table(
        name,
        metadata,
        *columns,
        *region,
        Column("seq", BigInteger, nullable=False),
        Column("signed", LargeBinary, nullable=False),
        Index(f"{name}_by_seq", "seq"),
        sqlite_with_rowid=False,
    )
    table.c.region.nullable = False
    return table


def _key(name: str) -> Column[str]:
    return Column(name, String, primary_key=True)


TABLES: dict[str, Table] = {
    "signer": _facts("signers", _key("region"), _key("key_id")),
    "jwt_key": _facts("jwt_keys", _key("region"), _key("kid")),
    "pin": _facts("pins", _key("project_id"), Column("org_id", String, nullable=False)),
    "api_key": _facts(
        "api_keys",
        Column("key_hash", LargeBinary, primary_key=True),
        Column("key_id", String, nullable=False),
        Column("project_id", String, nullable=False),
        Column("environment", SmallInteger, nullable=False),
        Column("revoked", Boolean, nullable=False),
    ),
    "org": _facts("orgs", _key("org_id"), Column("epoch", BigInteger, nullable=False)),
    "login_hint": _facts(
        "login_hints", _key("hint"), Column("epoch", BigInteger, nullable=False, server_default="1")
    ),
    "org_operation": _facts("org_operations", _key("org_id"), Column("finished", Boolean, nullable=False)),
    "session_end": _facts(
        "session_ends",
        _key("region"),
        _key("session_id"),
        Column("forget_after_unix_ms", BigInteger, nullable=False),
    ),
}
"""Kind of a row → its table."""

for _kind in OF_ONE_REGION:
    Index(f"{TABLES[_kind].name}_by_region", TABLES[_kind].c.region, TABLES[_kind].c.seq)

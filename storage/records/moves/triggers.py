"""The triggers that hold to a fence, whatever code runs: the database itself refuses.

The driver's refusal becomes ORG_MOVING, ORG_MOVED or ACCOUNT_MOVED (storage/sql.py). They are made at each
opening where they are missing: a schema migration that rebuilds a table of SQLite drops its triggers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sqlalchemy import Table, text
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.records.moves.rows import Family
from storage.records.tables import ACCOUNT_TABLES, ORG_TABLES, fences
from storage.sql import ACCOUNT_FENCED, ORG_FENCED, ORG_GONE

ORG: Final = Family("org_id", ORG_TABLES)
ACCOUNT: Final = Family("user_id", ACCOUNT_TABLES)
_WORDS: Final = {"org_id": (ORG_GONE, ORG_FENCED), "user_id": (ACCOUNT_FENCED, ACCOUNT_FENCED)}
_EVENTS: Final = {"INSERT": "NEW", "UPDATE": "OLD", "DELETE": "OLD"}
_POSTGRESQL: Final = (
    "SELECT tgname FROM pg_trigger UNION SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
)
_LOCK: Final = 0x5A6E6B70
"""PostgreSQL's advisory lock: of several starting processes one makes them."""


async def ensure_triggers(connection: AsyncConnection) -> None:
    """Makes the triggers that are missing, on the tables that this version of the schema has."""
    postgresql = connection.dialect.name == "postgresql"
    if postgresql:
        await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    known = _POSTGRESQL if postgresql else "SELECT name FROM sqlite_schema"
    present = set(await connection.scalars(text(known)))
    if fences.name not in present:
        return
    for family in (ORG, ACCOUNT):
        for table in family.tables:
            if table.name not in present:
                continue
            for name, statements in _postgresql(table, family) if postgresql else _sqlite(table, family):
                for statement in statements if name not in present else ():
                    await connection.exec_driver_sql(statement)


def _owner(table: Table, family: Family, row: str) -> str:
    """SQL of whose row it is."""
    if family.owner in table.columns:
        return f"{row}.{family.owner}"
    (key,) = (key for key in table.foreign_keys if key.column.table in family.tables)
    there, referred = key.column.table.name, f"{key.column.table.name}.{key.column.name}"
    return f"(SELECT {family.owner} FROM {there} WHERE {referred} = {row}.{key.parent.name})"


def _sqlite(table: Table, family: Family) -> Iterator[tuple[str, list[str]]]:
    for event, row in _EVENTS.items():
        name = f"{table.name}_fenced_{event.lower()}"
        fenced = f"FROM fences WHERE subject = {_owner(table, family, row)} AND NOT erasing"
        moved, moving = _WORDS[family.owner]
        trigger = (
            f"CREATE TRIGGER {name} BEFORE {event} ON {table.name} WHEN EXISTS (SELECT 1 {fenced}) "
            f"BEGIN SELECT RAISE(ABORT, '{moved}') {fenced} AND moved; "
            f"SELECT RAISE(ABORT, '{moving}') {fenced}; END"
        )
        yield name, [trigger]


def _postgresql(table: Table, family: Family) -> Iterator[tuple[str, list[str]]]:
    name, (moved, moving) = f"{table.name}_fenced", _WORDS[family.owner]
    function = (
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ "
        "DECLARE fence fences%ROWTYPE; changed RECORD; BEGIN "
        "IF TG_OP = 'INSERT' THEN changed := NEW; ELSE changed := OLD; END IF; "
        "SELECT * INTO fence FROM fences "
        f"WHERE subject = {_owner(table, family, 'changed')} AND NOT erasing; "
        f"IF FOUND AND fence.moved THEN RAISE EXCEPTION '{moved}'; END IF; "
        f"IF FOUND THEN RAISE EXCEPTION '{moving}'; END IF; "
        "IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW; END $$"
    )
    trigger = (
        f"CREATE TRIGGER {name} BEFORE INSERT OR UPDATE OR DELETE ON {table.name} "
        f"FOR EACH ROW EXECUTE FUNCTION {name}()"
    )
    yield name, [function, trigger]

"""Fences around what is on its way to another region: written here, held to by triggers (triggers.py)."""

from __future__ import annotations

from sqlalchemy import delete, select, text, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.records.moves.rows import Family
from storage.records.moves.triggers import ACCOUNT, ORG
from storage.records.tables import fences

__all__ = ["ACCOUNT", "ORG", "departed", "fence", "let_erase", "mark_moved", "unfence"]


async def fence(
    connection: AsyncConnection, family: Family, subject: str, to_region: str, hint: str | None = None
) -> None:
    """From the end of this transaction on nothing of the subject changes; what was begun before has ended."""
    if connection.dialect.name == "postgresql":
        names = ", ".join(table.name for table in family.tables)
        # A writer that looked for a fence before it was there would come in after it otherwise.
        await connection.execute(text(f"LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE"))
    make = postgresql_insert if connection.dialect.name == "postgresql" else sqlite_insert
    values = {"to_region": to_region, "hint": hint, "moved": False, "erasing": False}
    new = make(fences).values(subject=subject, **values)
    await connection.execute(new.on_conflict_do_update(index_elements=["subject"], set_=values))


async def unfence(connection: AsyncConnection, subject: str) -> None:
    """It may be changed here."""
    await connection.execute(delete(fences).where(fences.c.subject == subject))


async def mark_moved(connection: AsyncConnection, subject: str) -> None:
    """It is not here any more."""
    await connection.execute(update(fences).where(fences.c.subject == subject).values(moved=True))


async def let_erase(connection: AsyncConnection, subject: str, *, erasing: bool) -> None:
    """Lets this transaction through, which takes it back before it ends."""
    await connection.execute(update(fences).where(fences.c.subject == subject).values(erasing=erasing))


async def departed(connection: AsyncConnection, hint: str) -> bool:
    """Whether an account, by its login hint, is about to leave or has left."""
    found = await connection.scalar(select(fences.c.subject).where(fences.c.hint == hint).limit(1))
    return found is not None

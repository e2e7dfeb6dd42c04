"""What all tables of the records share: their metadata, and the one region they are of."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKey, MetaData, SmallInteger, String, Table

metadata = MetaData()

store = Table(
    "store",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("region", String, nullable=False, unique=True),
    CheckConstraint("id = 1", name="store_one_region"),
)
"""One row, written at the first open: the only region that these records may be opened for."""


def region_column() -> Column[str]:
    """The database itself refuses a row of another region."""
    return Column("region", String, ForeignKey("store.region"), nullable=False)

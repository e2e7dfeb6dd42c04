"""What is on its way to the registry."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, String, Table

from storage.records.tables.base import metadata, region_column

outbox = Table(
    "outbox",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("name", LargeBinary, nullable=False, unique=True),
    region_column(),
    Column("row", LargeBinary, nullable=False),
    Column("published_feed_id", String),
    Column("refusal", String),
    sqlite_autoincrement=True,
)
"""Rows for the registry, one under each name, in the order of their last change.

They are signed when they leave: a signer's certificate ends before the row does. An id is never used
again, so that settling a row that has changed meanwhile settles nothing.
"""

"""What organisations use of their plans, and what the projects of this region have been lent."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, ForeignKey, Integer, String, Table

from storage.records.tables.base import metadata

usage = Table(
    "usage",
    metadata,
    Column("org_id", String, ForeignKey("orgs.org_id"), primary_key=True),
    Column("project_id", String, primary_key=True),
    Column("month", Integer, primary_key=True, autoincrement=False),
    Column("region", String, nullable=False),
    Column("events", BigInteger, nullable=False),
    Column("budget", BigInteger, nullable=False),
    Column("leased_until", BigInteger, nullable=False),
    Column("reported_at", BigInteger, nullable=False),
    Column("answers", BigInteger, nullable=False, server_default="0"),
)
"""Live events of an organisation's projects, as their regions report them, and what these may count.

`budget` is a total; from `leased_until` on some of it may be lent to others. `answers` is the number of the
last answer about it. Rows stay: they are the history of the bill.
"""

plan_changes = Table(
    "plan_changes",
    metadata,
    Column("org_id", String, ForeignKey("orgs.org_id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("plan_before", String, nullable=False),
    Column("plan", String, nullable=False),
)
"""In their order, from 1."""

event_budgets = Table(
    "event_budgets",
    metadata,
    Column("project_id", String, primary_key=True),
    Column("month", Integer, nullable=False),
    Column("events", BigInteger, nullable=False),
    Column("unlimited", Boolean, nullable=False),
    CheckConstraint("events >= 0", name="event_budgets_events"),
)
"""The last budget of each project of this region, so that a restart without its primary region keeps it."""

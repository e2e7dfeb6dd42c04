"""Organisations and accounts on their way between regions: fences, both ends' jobs, words of handovers."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    false,
)

from storage.records.tables.base import metadata

org_handovers = Table(
    "org_handovers",
    metadata,
    Column("org_id", String, ForeignKey("orgs.org_id"), primary_key=True),
    Column("epoch", BigInteger, primary_key=True, autoincrement=False),
    Column("word", LargeBinary, nullable=False),
)
"""How an organisation came here: a serialised, signed Handover for each epoch after its first."""

account_handovers = Table(
    "account_handovers",
    metadata,
    Column("user_id", String, ForeignKey("accounts.user_id"), primary_key=True),
    Column("epoch", BigInteger, primary_key=True, autoincrement=False),
    Column("word", LargeBinary, nullable=False),
)
"""The same of an account."""

fences = Table(
    "fences",
    metadata,
    Column("subject", String, primary_key=True),
    Column("hint", String),
    Column("to_region", String, nullable=False),
    Column("moved", Boolean, nullable=False, server_default=false()),
    Column("erasing", Boolean, nullable=False, server_default=false()),
    Index("fences_by_hint", "hint"),
)
"""What may not be changed here: an organisation, or an account (which has a login hint), that is about to be
in another region, or is there already. Triggers on every table of theirs hold to it, whatever code runs;
`erasing` lets one transaction through. A fence of what has moved stays, to say so to whoever comes late.
"""

departures = Table(
    "departures",
    metadata,
    Column("operation_id", String, primary_key=True),
    Column("org_id", String, nullable=False),
    Column("to_region", String, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("step", Integer, nullable=False),
    Column("asked_by", String, nullable=False),
    Column("digest_key", LargeBinary, nullable=False),
    Column("begun_at", BigInteger, nullable=False),
    Column("fenced_at", BigInteger, nullable=False, server_default="0"),
    Column("switched_at", BigInteger, nullable=False, server_default="0"),
    Column("finished_at", BigInteger, nullable=False, server_default="0"),
    Column("rows", BigInteger, nullable=False, server_default="0"),
    Column("accounts", BigInteger, nullable=False, server_default="0"),
    Column("tables", JSON, nullable=False, server_default="[]"),
    Column("word", LargeBinary, nullable=False, server_default=""),
    Column("reason", String, nullable=False, server_default=""),
    Index("departures_by_org", "org_id", "begun_at"),
)
"""Reassignments away from here: ids, times and counts. `step` is an AssignmentStep, on disk before the next
begins; `tables` what was verified; `word` the Handover, which is signed once.
"""

account_departures = Table(
    "account_departures",
    metadata,
    Column("account_id", String, primary_key=True),
    Column("operation_id", String, ForeignKey("departures.operation_id"), nullable=False),
    Column("word", LargeBinary, nullable=False),
)
"""Accounts on their way; a row goes when the account is there."""

arrivals = Table(
    "arrivals",
    metadata,
    Column("operation_id", String, primary_key=True),
    Column("org_id", String, nullable=False),
    Column("from_region", String, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("step", Integer, nullable=False),
    Column("cursor", BigInteger, nullable=False, server_default="0"),
    Column("begun_at", BigInteger, nullable=False),
    Column("finished_at", BigInteger, nullable=False, server_default="0"),
    Column("write_pause_ms", BigInteger, nullable=False, server_default="0"),
    Column("rows", BigInteger, nullable=False, server_default="0"),
    Column("accounts", BigInteger, nullable=False, server_default="0"),
    Index("arrivals_by_org", "org_id", "begun_at"),
)
"""Reassignments to here."""

arriving_rows = Table(
    "arriving_rows",
    metadata,
    Column("operation_id", String, ForeignKey("arrivals.operation_id"), primary_key=True),
    Column("cursor", BigInteger, primary_key=True, autoincrement=False),
    Column("nonce", LargeBinary, nullable=False, unique=True),
    Column("body", LargeBinary, nullable=False),
)
"""Rows that have come and do not count yet: nothing else reads them."""

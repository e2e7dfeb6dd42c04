"""The CSV of an export (RFC 4180), a page of rows at a time."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Final

import msgspec

from services.org.audit_rows import moment
from storage.records.audit.chain import AuditRow

COLUMNS: Final = (
    "seq",
    "id",
    "at",
    "actor_id",
    "actor_email",
    "action",
    "resource_type",
    "resource_id",
    "before",
    "after",
    "request_id",
    "address",
    "user_agent",
    "hash",
)
_BEGINS_A_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What a spreadsheet takes for one (OWASP, "CSV Injection"), full-width forms included."""


def header() -> str:
    """The first line."""
    return _lines([COLUMNS])


def lines(rows: Sequence[AuditRow]) -> str:
    """One line for each row; `before` and `after` are JSON."""
    return _lines([[harmless(cell) for cell in _cells(row)] for row in rows])


def harmless(cell: str) -> str:
    """With an apostrophe before what a spreadsheet would run: it shows the text then, and runs nothing."""
    return f"'{cell}" if cell.startswith(_BEGINS_A_FORMULA) else cell


def _lines(rows: Sequence[Sequence[str]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, quoting=csv.QUOTE_ALL).writerows(rows)
    return buffer.getvalue()


def _cells(row: AuditRow) -> tuple[str, ...]:
    return (
        str(row.seq),
        row.audit_id,
        moment(row.at_ms),
        row.actor_id,
        row.actor_email,
        row.action,
        row.resource_type,
        row.resource_id,
        _told(row.before),
        _told(row.after),
        *_origin(row.metadata),
        row.hash.hex(),
    )


def _told(json: str) -> str:
    return "" if json == "null" else json


def _origin(metadata: str) -> tuple[str, ...]:
    told = msgspec.json.decode(metadata, type=dict[str, str])
    return tuple(told.get(name, "") for name in ("request_id", "address", "user_agent"))

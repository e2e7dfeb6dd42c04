"""The CSV of an export (RFC 4180), a page of rows at a time.

A project's has no e-mails: its rows have none, and what a person's id means rests in the organisation's
primary region only. A file that rests in the project's region, and is carried off, names nobody.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Final

import msgspec

from storage.records.audit.chain import AuditRow
from storage.records.audit.public import moment

ORG_COLUMNS: Final = (
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
PROJECT_COLUMNS: Final = tuple(column for column in ORG_COLUMNS if column != "actor_email")
_BEGINS_A_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What a spreadsheet takes for one (OWASP, "CSV Injection"), full-width forms included."""


class Csv:
    """A file of some columns; `before` and `after` are JSON."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = columns

    def header(self) -> str:
        """The first line."""
        return _lines([self._columns])

    def lines(self, rows: Sequence[AuditRow]) -> str:
        """One line for each row."""
        every = [_cells(row) for row in rows]
        return _lines([[harmless(cells[column]) for column in self._columns] for cells in every])


def harmless(cell: str) -> str:
    """With an apostrophe before what a spreadsheet would run: it shows the text then, and runs nothing."""
    return f"'{cell}" if cell.startswith(_BEGINS_A_FORMULA) else cell


def _lines(rows: Sequence[Sequence[str]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, quoting=csv.QUOTE_ALL).writerows(rows)
    return buffer.getvalue()


def _cells(row: AuditRow) -> dict[str, str]:
    origin = msgspec.json.decode(row.metadata, type=dict[str, str])
    return {
        "seq": str(row.seq),
        "id": row.audit_id,
        "at": moment(row.at_ms),
        "actor_id": row.actor_id,
        "actor_email": row.actor_email,
        "action": row.action,
        "resource_type": row.resource_type,
        "resource_id": row.resource_id,
        "before": _told(row.before),
        "after": _told(row.after),
        **{name: origin.get(name, "") for name in ("request_id", "address", "user_agent")},
        "hash": row.hash.hex(),
    }


def _told(json: str) -> str:
    return "" if json == "null" else json

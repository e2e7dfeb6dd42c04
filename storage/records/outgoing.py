"""What goes out of the logs of organisations and of projects: the same tables twice, each by its scope."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Table, exists

from storage.records.audit.chain import AuditRow
from storage.records.audit.reading import LOGS, Log
from storage.records.change import Change, org_change, project_change
from storage.records.engine import Database
from storage.records.tables import (
    audit_dead_letters,
    audit_exports,
    audit_webhooks,
    fences,
    project_dead_letters,
    project_exports,
    project_webhooks,
)

Conditions = tuple[ColumnElement[bool], ...]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """The tables of one kind of log, and how what it is of is changed together with a row of that log."""

    log: Log
    webhooks: Table
    dead_letters: Table
    exports: Table
    change: Callable[[Database, str], AbstractAsyncContextManager[Change]]

    @property
    def scope(self) -> str:
        """The column that says whose a row is: of these tables, and of the log's."""
        return LOGS[self.log].scope

    @property
    def rows(self) -> Table:
        """The log."""
        return LOGS[self.log].rows

    def read(self, row: Row[Any]) -> AuditRow:
        """A row of the log."""
        return LOGS[self.log].read(row)

    def whose(self, table: Table) -> ColumnElement[str]:
        """That column of one of the tables."""
        return table.c[self.scope]

    def of_webhook(self, table: Table, scope: str, webhook_id: str) -> Conditions:
        """A webhook, or its dead letters."""
        return self.whose(table) == scope, table.c.webhook_id == webhook_id

    def leaving(self, table: Table) -> ColumnElement[bool]:
        """What is on its way to another region goes out there."""
        return exists().where(fences.c.subject == self.whose(table))


OUTGOING: Final = {
    Log.ORG: Outgoing(Log.ORG, audit_webhooks, audit_dead_letters, audit_exports, org_change),
    Log.PROJECT: Outgoing(
        Log.PROJECT, project_webhooks, project_dead_letters, project_exports, project_change
    ),
}

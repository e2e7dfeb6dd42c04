"""The records of one region: one database, its two families of tables and the outbox."""

from __future__ import annotations

from dataclasses import dataclass

from storage.records.audit.expiry import SqlAuditExpiry
from storage.records.audit.mirrored import SqlMirrorRecords
from storage.records.audit.reading import Log, SqlAuditRecords
from storage.records.budgets import SqlBudgetRecords
from storage.records.engine import Database
from storage.records.moves.accounts import Accounts
from storage.records.moves.arrivals import Arrivals
from storage.records.moves.departures import Departures
from storage.records.outbox import SqlOutbox
from storage.records.sql_api_tokens import SqlApiTokenRecords
from storage.records.sql_deliveries import SqlDeliveryRecords
from storage.records.sql_exports import SqlExportRecords
from storage.records.sql_keys import SqlKeyRecords
from storage.records.sql_members import SqlMemberRecords
from storage.records.sql_orgs import SqlOrgRecords
from storage.records.sql_plans import SqlPlanRecords
from storage.records.sql_projects import SqlProjectRecords
from storage.records.sql_scim import SqlScimRecords
from storage.records.sql_scim_groups import SqlScimGroupRecords
from storage.records.sql_second_factors import SqlSecondFactorRecords
from storage.records.sql_sessions import SqlSessionRecords
from storage.records.sql_sso import SqlSsoRecords
from storage.records.sql_teams import SqlTeamRecords
from storage.records.sql_webhooks import SqlWebhookRecords


@dataclass(frozen=True, slots=True)
class Moves:
    """What leaves for other regions, and what comes from them."""

    departures: Departures
    arrivals: Arrivals
    accounts: Accounts


@dataclass(frozen=True, slots=True)
class Deliveries:
    """What of the audit logs of organisations, or of projects, goes out, and how far that is."""

    webhooks: SqlWebhookRecords
    cursors: SqlDeliveryRecords
    exports: SqlExportRecords

    @classmethod
    def of(cls, database: Database, log: Log) -> Deliveries:
        """Of one kind of log."""
        return cls(
            SqlWebhookRecords(database, log),
            SqlDeliveryRecords(database, log),
            SqlExportRecords(database, log),
        )


class Records:
    """Make it with `open`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.region = database.region
        self.orgs = SqlOrgRecords(database)
        self.keys = SqlKeyRecords(database)
        self.members = SqlMemberRecords(database)
        self.teams = SqlTeamRecords(database)
        self.projects = SqlProjectRecords(database)
        self.api_tokens = SqlApiTokenRecords(database)
        self.plans = SqlPlanRecords(database)
        self.audit = SqlAuditRecords(database)
        self.audit_expiry = SqlAuditExpiry(database)
        self.audit_mirror = SqlMirrorRecords(database)
        self.sso = SqlSsoRecords(database)
        self.scim = SqlScimRecords(database)
        self.scim_groups = SqlScimGroupRecords(database)
        self.budgets = SqlBudgetRecords(database)
        self.sessions = SqlSessionRecords(database)
        self.second_factors = SqlSecondFactorRecords(database)
        self.outbox = SqlOutbox(database)
        self.deliveries = Deliveries.of(database, Log.ORG)
        self.project_deliveries = Deliveries.of(database, Log.PROJECT)
        self.moves = Moves(Departures(database), Arrivals(database), Accounts(database))

    @classmethod
    async def open(cls, url: str, *, region: str) -> Records:
        """Opens and migrates `sqlite+aiosqlite:///path` or `postgresql+asyncpg://…`.

        Raises Unavailable, and CrossingRefused for records that were first opened for another region.
        """
        return cls(await Database.open(url, region=region))

    async def close(self) -> None:
        """Closes all connections."""
        await self._database.close()

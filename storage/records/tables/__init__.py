"""The tables of the records, as schema/ leaves them, by what they are of. Times are unix milliseconds."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Table

from storage.records.tables.accounts import (
    account_orgs,
    accounts,
    moved_sessions,
    recovery_codes,
    second_factors,
    sessions,
)
from storage.records.tables.audit import (
    audit_mirrors,
    org_audit,
    org_audit_heads,
    project_audit,
    project_audit_heads,
)
from storage.records.tables.base import metadata, store
from storage.records.tables.exports import audit_exports, project_exports
from storage.records.tables.keys import refresh_secret, token_keys
from storage.records.tables.members import invitations, team_members, team_projects, teams
from storage.records.tables.moves import (
    account_departures,
    account_handovers,
    arrivals,
    arriving_rows,
    departures,
    fences,
    org_handovers,
)
from storage.records.tables.orgs import (
    access_feed,
    access_rows,
    members,
    org_projects,
    orgs,
    project_roles,
)
from storage.records.tables.outbox import outbox
from storage.records.tables.plans import event_budgets, plan_changes, usage
from storage.records.tables.projects import api_keys, api_tokens, projects
from storage.records.tables.scim import scim_tokens, scim_users
from storage.records.tables.sso import sso_identities, sso_settings, sso_sign_ins
from storage.records.tables.webhooks import (
    audit_dead_letters,
    audit_webhooks,
    project_dead_letters,
    project_webhooks,
)

ORG_TABLES: Final[tuple[Table, ...]] = (
    orgs,
    org_handovers,
    members,
    org_projects,
    project_roles,
    access_rows,
    usage,
    plan_changes,
    org_audit,
    org_audit_heads,
    audit_webhooks,
    audit_dead_letters,
    audit_exports,
    invitations,
    teams,
    team_members,
    team_projects,
    sso_settings,
    sso_identities,
    scim_tokens,
    scim_users,
)
"""Every table whose rows are an organisation's own, and go where it goes; foreign keys hold in this order."""

ACCOUNT_TABLES: Final[tuple[Table, ...]] = (
    accounts,
    account_handovers,
    account_orgs,
    second_factors,
    recovery_codes,
    sessions,
)
"""The same for an account."""

__all__ = [
    "ACCOUNT_TABLES",
    "ORG_TABLES",
    "access_feed",
    "access_rows",
    "account_departures",
    "account_handovers",
    "account_orgs",
    "accounts",
    "api_keys",
    "api_tokens",
    "arrivals",
    "arriving_rows",
    "audit_dead_letters",
    "audit_exports",
    "audit_mirrors",
    "audit_webhooks",
    "departures",
    "event_budgets",
    "fences",
    "invitations",
    "members",
    "metadata",
    "moved_sessions",
    "org_audit",
    "org_audit_heads",
    "org_handovers",
    "org_projects",
    "orgs",
    "outbox",
    "plan_changes",
    "project_audit",
    "project_audit_heads",
    "project_dead_letters",
    "project_exports",
    "project_roles",
    "project_webhooks",
    "projects",
    "recovery_codes",
    "refresh_secret",
    "scim_tokens",
    "scim_users",
    "second_factors",
    "sessions",
    "sso_identities",
    "sso_settings",
    "sso_sign_ins",
    "store",
    "team_members",
    "team_projects",
    "teams",
    "token_keys",
    "usage",
]

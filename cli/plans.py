"""`residency plans`: the table of the plans."""

from __future__ import annotations

from typing import Final

from rich.console import Console
from rich.table import Table

from mesh.plans import MOST_RETENTION_DAYS, TERMS, Feature, Terms

_FEATURES: Final = {
    Feature.AUDIT_CSV: "audit CSV",
    Feature.MIGRATION: "migration",
    Feature.SSO: "SSO",
}


def show_plans(console: Console) -> None:
    """What each plan grants."""
    table = Table("plan", "live events/month", "past it", "days of events", "of audit log", "members")
    for title in _FEATURES.values():
        table.add_column(title)
    for terms in TERMS.values():
        table.add_row(
            terms.title,
            _limit(terms.monthly_events),
            terms.over_quota.value,
            _retention(terms),
            f"{terms.audit_days:,}",
            _limit(terms.members),
            *("yes" if feature in terms.features else "" for feature in _FEATURES),
        )
    console.print(table)


def _limit(number: int | None) -> str:
    return "unlimited" if number is None else f"{number:,}"


def _retention(terms: Terms) -> str:
    custom = terms.most_retention_days == MOST_RETENTION_DAYS
    return f"{terms.retention_days}; 1 to {MOST_RETENTION_DAYS:,}" if custom else str(terms.retention_days)

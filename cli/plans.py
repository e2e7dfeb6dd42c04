"""The table of the plans, and the plan of an organisation."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click
from rich.console import Console
from rich.table import Table

from cli.operator import running_mesh
from cli.seed import set_plan
from mesh.errors import CrossingRefused, NotFound, SankofaError
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


async def run_set(data_dir: Path, org_id: str, plan: str) -> int:
    """Asks region after region: only the primary one does not refuse. 0, or 1 where it is in none."""
    mesh = running_mesh(data_dir)
    for region in mesh.regions:
        try:
            await set_plan(mesh, region, org_id, plan)
        except (CrossingRefused, NotFound):
            continue
        except SankofaError as error:
            raise click.ClickException(error.public_text) from None
        print(f"{org_id} is on the {plan} plan")
        return 0
    raise click.ClickException(f"no region of this mesh is the primary one of {org_id}")


def _limit(number: int | None) -> str:
    return "unlimited" if number is None else f"{number:,}"


def _retention(terms: Terms) -> str:
    custom = terms.most_retention_days == MOST_RETENTION_DAYS
    return f"{terms.retention_days}; 1 to {MOST_RETENTION_DAYS:,}" if custom else str(terms.retention_days)

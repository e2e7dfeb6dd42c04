"""`residency plan`: what an operator sets of an organisation's plan."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from cli.finish import finish
from cli.options import data_dir_option


@click.group()
def plan() -> None:
    """The plan of an organisation. `residency plans` prints what each grants."""


@plan.command("set")
@data_dir_option
@click.argument("org_id")
@click.argument("name", metavar="PLAN", type=click.Choice(["hobby", "pro", "growth", "enterprise"]))
def plan_set(data_dir: Path, org_id: str, name: str) -> None:
    """Sets the plan of an organisation at once, wherever its primary region is.

    Its Owner can too, but for Enterprise. A smaller plan is refused while the organisation does not fit.
    """
    from cli.plans import run_set

    finish(run_set(data_dir.resolve(), org_id, name))

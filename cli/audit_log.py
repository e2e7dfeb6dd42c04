"""`residency audit-log`: the commands."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import rich_click as click

from cli.finish import finish
from cli.options import data_dir_option, output_option


@click.group("audit-log")
def audit_log() -> None:
    """The logs of what was done to organisations and projects."""


@audit_log.command("verify")
@data_dir_option
@click.option("--region", multiple=True, help="Only this one's, may be repeated. [default: every region]")
@click.option("--scope", default="", help="Only the log of this organisation or project (org_…, proj_…).")
@click.option(
    "--expect",
    multiple=True,
    metavar="SCOPE:SEQ:HASH",
    help="An end that was printed before: the chain must still go through it.",
)
@click.option("--mirror", is_flag=True, help="Compare each log with its mirror in ClickHouse, too.")
@click.option(
    "--records",
    multiple=True,
    metavar="FILE|FOLDER|URL",
    help="Prove these records instead, without a mesh: a cell's records.db or its folder, or postgresql://….",
)
@output_option
def verify(
    data_dir: Path,
    region: tuple[str, ...],
    scope: str,
    expect: tuple[str, ...],
    mirror: bool,
    records: tuple[str, ...],
    output: str,
) -> None:
    """Reads every row, and says which was changed, is missing, or is where it was not written.

    Exit code 1 where a chain does not hold. Keep the ends that it prints elsewhere: rows that somebody with
    the whole database has written anew, their hashes included, are found by --expect alone, or by --mirror
    while the mirror still has them.
    """
    from cli.chain_copies import run_verify_copies
    from cli.chains import run_verify

    as_json = output == "json"
    if records:
        if mirror or region:
            raise click.UsageError("--records is of no running mesh: it goes without --mirror and --region")
        finish(run_verify_copies(records, scope=scope, expect=expect, as_json=as_json))
    finish(run_verify(data_dir.resolve(), region, scope=scope, expect=expect, mirror=mirror, as_json=as_json))


@audit_log.command("count")
@data_dir_option
@click.argument("scope", metavar="ORG|PROJECT")
@click.option(
    "--by",
    type=click.Choice(["action", "actor", "resource_type", "month"]),
    default="action",
    show_default=True,
    help="What rows are counted by.",
)
@click.option("--since", type=click.DateTime(), default=None, help="Not before this time, UTC.")
@click.option("--until", type=click.DateTime(), default=None, help="Before this time, UTC.")
@output_option
def count(
    data_dir: Path, scope: str, by: str, since: datetime | None, until: datetime | None, output: str
) -> None:
    """Counts rows of a log (org_…, proj_…) over up to two years, in ClickHouse. The log has a row of it."""
    from cli.chain_counts import run_count

    finish(run_count(data_dir.resolve(), scope, by=by, since=since, until=until, as_json=output == "json"))

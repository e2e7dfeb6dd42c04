"""`residency audit-log`: the commands."""

from __future__ import annotations

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
@output_option
def verify(data_dir: Path, region: tuple[str, ...], scope: str, expect: tuple[str, ...], output: str) -> None:
    """Reads every row, and says which was changed, is missing, or is where it was not written.

    Exit code 1 where a chain does not hold. Keep the ends that it prints elsewhere: rows that somebody with
    the whole database has written anew, their hashes included, are found by --expect alone.
    """
    from cli.chains import run_verify

    finish(run_verify(data_dir.resolve(), region, scope=scope, expect=expect, as_json=output == "json"))

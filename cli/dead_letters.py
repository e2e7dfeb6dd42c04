"""`residency dead-letters`: the commands."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from cli.finish import finish
from cli.options import data_dir_option, output_option

_region = click.option("--region", required=True, help="Whose.")
_seqs = click.argument("seqs", type=int, nargs=-1, metavar="SEQ…")


@click.group("dead-letters")
def dead_letters() -> None:
    """Rows that were accepted and that ClickHouse can't take, kept in their region."""


@dead_letters.command("list")
@data_dir_option
@_region
@output_option
def dead_letters_list(data_dir: Path, region: str, output: str) -> None:
    """Lists them: whose, since when, why. Not what they hold."""
    from cli.letters import run_list

    finish(run_list(data_dir.resolve(), region, as_json=output == "json"))


@dead_letters.command("show")
@data_dir_option
@_region
@click.argument("seq", type=int)
def dead_letters_show(data_dir: Path, region: str, seq: int) -> None:
    """Prints the row of one: a customer's data."""
    from cli.letters import run_show

    finish(run_show(data_dir.resolve(), region, seq))


@dead_letters.command("replay")
@data_dir_option
@_region
@click.option("--all", "every", is_flag=True, help="All of them.")
@_seqs
def dead_letters_replay(data_dir: Path, region: str, every: bool, seqs: tuple[int, ...]) -> None:
    """Puts rows at the end of the log. One that is still bad becomes a dead letter again."""
    from cli.letters import run_replay

    finish(run_replay(data_dir.resolve(), region, seqs, every=every))


@dead_letters.command("drop")
@data_dir_option
@_region
@_seqs
def dead_letters_drop(data_dir: Path, region: str, seqs: tuple[int, ...]) -> None:
    """Forgets rows, for ever."""
    from cli.letters import run_drop

    finish(run_drop(data_dir.resolve(), region, seqs))

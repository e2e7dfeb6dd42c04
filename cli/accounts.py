"""`residency accounts`: what an operator does for a person whose account is in their region."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from cli.finish import finish
from cli.options import data_dir_option


@click.group()
def accounts() -> None:
    """Accounts of people, for who runs their home region."""


@accounts.command("remove-second-factor")
@data_dir_option
@click.option("--email", prompt=True, help="Whose account. [default: asked for, and not seen by others]")
@click.option("--region", default="", help="Its home. [default: asked of the registry]")
@click.option(
    "--address",
    default="",
    metavar="HOST:PORT",
    help="The federated port of the region's org, where no mesh of this machine is meant.",
)
@click.option(
    "--pki-dir",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="With --address: the folder with the region's certificates, an operator's among them.",
)
def remove_second_factor(data_dir: Path, email: str, region: str, address: str, pki_dir: Path | None) -> None:
    """Lets somebody in again who has lost their second factor and every recovery code.

    It can't tell who asks: make sure of that first. The account's sessions end, and a log-in needs the
    password alone until its owner sets another second factor. An account that has none is left as it is.
    """
    from cli.second_factors import Place, run_remove

    finish(run_remove(Place(data_dir.resolve(), region, address, pki_dir), email))

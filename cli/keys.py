"""`residency keys`: the commands."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from cli.finish import finish
from cli.options import data_dir_option, output_option

_address = click.option(
    "--address",
    default="",
    metavar="HOST:PORT",
    help="The internal port of the region's org, where no mesh of this machine is meant.",
)
_pki = click.option(
    "--pki-dir",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="With --address: the folder with the region's certificates, an operator's among them.",
)


@click.group()
def keys() -> None:
    """The keys that the regions sign people's tokens with."""


@keys.command("list")
@data_dir_option
@click.option("--region", default="", help="Only this one's. [default: every region]")
@_address
@_pki
@output_option
def keys_list(data_dir: Path, region: str, address: str, pki_dir: Path | None, output: str) -> None:
    """Lists them: how far each is, until when, and which directories have not heard of it."""
    from cli.rotation import Place, run_list

    place = Place(data_dir.resolve(), address, pki_dir)
    finish(run_list(place, region, as_json=output == "json"))


@keys.command("rotate")
@data_dir_option
@click.option("--region", required=True, help="Whose key is exchanged.")
@click.option("--without", multiple=True, metavar="REGION", help="Not waited for, may be repeated.")
@click.option("--wait", is_flag=True, help="Also until the key of before is retired.")
@_address
@_pki
def keys_rotate(
    data_dir: Path,
    region: str,
    without: tuple[str, ...],
    wait: bool,
    address: str,
    pki_dir: Path | None,
) -> None:
    """Exchanges the key that signs, with nobody signed out, and returns when the new one does.

    The key of before verifies until its last token has run out, and is retired then. The region carries it on
    by itself, also where this command, or the region, is ended: run it again to look on.
    """
    from cli.rotation import Place, run_rotate

    place = Place(data_dir.resolve(), address, pki_dir)
    finish(run_rotate(place, region, without, wait=wait))

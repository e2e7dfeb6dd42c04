"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

DATA_DIR = "data"
data_dir_option = click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=DATA_DIR,
    show_default=True,
    envvar="SANKOFA_DATA_DIR",
    help="Where the mesh keeps everything.",
)
output_option = click.option(
    "-o", "--output", type=click.Choice(["table", "json"]), default="table", help="How to print the answer."
)

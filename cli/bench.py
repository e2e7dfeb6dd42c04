"""`residency bench …`: the commands; what they do is in the package bench."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from cli.finish import finish

_folder = click.option(
    "--folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default="/var/tmp",
    show_default=True,
    help="Where the mesh under test may lie: on a disk, not in memory.",
)
_json = click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")


@click.group()
def bench() -> None:
    """Measures the mesh, each figure beside its floor from the same run.

    Starts a mesh of its own on free ports, in a folder that it deletes again. Progress goes to standard
    error. Ctrl-C stops it and leaves nothing behind.
    """


@bench.command("ingest")
@click.option("--seconds", default=5.0, show_default=True, help="Length of each load.")
@click.option("--rounds", default=2, show_default=True, help="How often floor and mesh take turns.")
@click.option("--connections", "-c", multiple=True, type=int, default=(16, 64, 256, 1024), show_default=True)
@_folder
@_json
def ingest(seconds: float, rounds: int, connections: tuple[int, ...], folder: Path, as_json: bool) -> None:
    """Starts a region of its own, posts events to it, and counts what the store holds. Needs `wrk`.

    Exit code 1 where the store does not hold exactly what was acknowledged.
    """
    from bench.ingest import run_ingest
    from bench.run import until_stopped
    from cli.commands import wide_console

    work = run_ingest(
        folder=folder,
        seconds=seconds,
        rounds=rounds,
        connections=connections,
        json=as_json,
        console=wide_console(),
    )
    finish(until_stopped(work))


@bench.command("query")
@click.option(
    "--rows", default=1_000_000, show_default=True, help="Events in the store; 10000000 is fine too."
)
@click.option("--seconds", default=3.0, show_default=True, help="How long each question is asked.")
@click.option("--rounds", default=2, show_default=True, help="How often floor and mesh take turns.")
@_folder
@_json
def query(rows: int, seconds: float, rounds: int, folder: Path, as_json: bool) -> None:
    """Asks a region for pages of events, counts and people, and an engine for the same SQL. Needs `wrk`.

    The engine makes the events itself before the region starts. Exit code 1 where an answer over HTTP says
    something else than the SQL.
    """
    from bench.query import run_query
    from bench.run import until_stopped
    from cli.commands import wide_console

    work = run_query(
        folder=folder, rows=rows, seconds=seconds, rounds=rounds, json=as_json, console=wide_console()
    )
    finish(until_stopped(work))


@bench.command("scale")
@click.option("--keys", "-k", multiple=True, type=int, default=(100, 10_000, 1_000_000), show_default=True)
@click.option("--regions", "-r", multiple=True, type=int, default=(1, 4, 16), show_default=True)
@click.option("--seconds", default=3.0, show_default=True, help="Length of each load and each loop.")
@click.option("--rounds", default=2, show_default=True, help="How often the sizes take turns.")
@_folder
@_json
def scale(
    keys: tuple[int, ...], regions: tuple[int, ...], seconds: float, rounds: int, folder: Path, as_json: bool
) -> None:
    """What a request costs as keys and regions grow, and the memory of each process. Needs `wrk`.

    Meshes with few and with many keys run side by side; those with more regions one after the other. Exit
    code 1 where a request was refused, or the log took another number of rows than were acknowledged.
    """
    from bench.run import until_stopped
    from bench.scale import run_scale
    from cli.commands import wide_console

    work = run_scale(
        folder=folder,
        keys=keys,
        regions=regions,
        seconds=seconds,
        rounds=rounds,
        json=as_json,
        console=wide_console(),
    )
    finish(until_stopped(work))


@bench.command("start")
@click.option("--rounds", default=3, show_default=True, help="How often each start is measured.")
@click.option(
    "--log-mib", default=256, show_default=True, help="Size of the log that is filled to its bound."
)
@_folder
@_json
def start(rounds: int, log_mib: int, folder: Path, as_json: bool) -> None:
    """How long until a mesh and a cell are ready: first time, again, after kill -9, and over a full log.

    Exit code 1 where what a full log held is not stored once, all of it.
    """
    from bench.run import until_stopped
    from bench.start import run_start
    from cli.commands import wide_console

    work = run_start(folder=folder, rounds=rounds, log_mib=log_mib, json=as_json, console=wide_console())
    finish(until_stopped(work))

"""The `residency` command."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from cli.accounts import accounts
from cli.audit_log import audit_log
from cli.bench import bench
from cli.dead_letters import dead_letters
from cli.finish import finish
from cli.keys import keys
from cli.options import data_dir_option as _data_dir
from cli.options import output_option as _output
from cli.plan import plan


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="sankofa-residency-mesh")
def main() -> None:
    """Pins each project's data to one region, for ever, and proves it."""


@main.command()
@click.option("--target", required=True, help="One or more of registry,router,rest,ingest,query,org.")
@click.option("--region", help="The region it serves. Not for the registry.")
@click.option("--config", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="TOML or JSON.")
@click.option("--set", "sets", multiple=True, metavar="SECTION.FIELD=VALUE", help="Overrides one setting.")
def serve(target: str, region: str | None, config: Path | None, sets: tuple[str, ...]) -> None:
    """Runs one process with one or more targets.

    Settings come from --config, then the environment (SANKOFA_<SECTION>_<FIELD>), then --set.
    """
    from cli.serve import UsageError, parse_sets, run
    from mesh.config import ConfigError

    try:
        run(target.split(","), region, config, parse_sets(sets))
    except (ConfigError, UsageError) as error:
        raise click.ClickException(str(error)) from None


@main.command()
@_data_dir
@_output
@click.option("--fresh", is_flag=True, help="Delete the data directory first.")
@click.option("--free-ports", is_flag=True, help="Any free ports instead of 8080 and the like.")
@click.option("--trace-ratio", default=1.0, show_default=True, help="Share of traces that are kept.")
@click.option(
    "--rate-limit",
    default=500,
    show_default=True,
    help="Requests of a key in a minute; 0 for no limit, of log-ins neither.",
)
@click.option(
    "--postgres",
    default="",
    metavar="URL",
    envvar="SANKOFA_POSTGRES_URL",
    help="postgresql://user:password@host:port: records and registry go there, each in its own database.",
)
def up(
    data_dir: Path,
    output: str,
    fresh: bool,
    free_ports: bool,
    trace_ratio: float,
    rate_limit: int,
    postgres: str,
) -> None:
    """Starts the whole mesh on this machine and watches over it until Ctrl-C."""
    from cli.commands import run_up

    finish(
        run_up(
            data_dir.resolve(),
            output,
            fresh=fresh,
            free_ports=free_ports,
            trace_ratio=trace_ratio,
            rate_limit=rate_limit,
            postgres=postgres,
        )
    )


@main.command()
@_data_dir
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")
def audit(data_dir: Path, as_json: bool) -> None:
    """Says whether a call crossed a region. Exit code 0 PROVEN, 2 UNPROVEN, 3 VIOLATED."""
    from cli.commands import run_audit

    finish(run_audit(data_dir.resolve(), as_json=as_json))


@main.command()
@_data_dir
@click.option("--seed", default="sankofa", show_default=True, help="The same seed makes the same shop.")
@click.option("--sessions", default=600, show_default=True, help="Sessions of each region's shop.")
def demo(data_dir: Path, seed: str, sessions: int) -> None:
    """Posts a month of a web shop to every region and checks that it stayed there.

    Uses the mesh that runs on --data-dir, or starts one of its own and stops it again.
    """
    from cli.commands import run_demo

    finish(run_demo(data_dir.resolve(), seed=seed, sessions=sessions))


@main.command()
@_data_dir
@click.argument("marker")
def sweep(data_dir: Path, marker: str) -> None:
    """Looks for MARKER ("mark_" and 20 of a-z, 0-9) in everything that every region stores."""
    from cli.commands import run_sweep

    finish(run_sweep(data_dir.resolve(), marker))


@main.command()
@_data_dir
@click.option("--url", default="", help="Where to ask, if not the mesh on --data-dir.")
@click.option("--email", required=True, help="An Owner's.")
@click.option("--password", envvar="SANKOFA_PASSWORD", prompt=True, hide_input=True, help="Theirs.")
@click.option("--org", "org_id", default="", help="Which, if they own more than one.")
@click.argument("region")
def assign(data_dir: Path, url: str, email: str, password: str, org_id: str, region: str) -> None:
    """Moves an organisation's own data (members, teams, plan, log) to REGION. Its projects stay."""
    from cli.commands import run_assign

    finish(run_assign(data_dir.resolve(), url, email=email, password=password, org_id=org_id, region=region))


@main.command()
def plans() -> None:
    """Prints what each plan grants."""
    from cli.commands import wide_console
    from cli.plans import show_plans

    show_plans(wide_console())


@main.command()
@click.option("--minutes", default=5.0, show_default=True, help="How long the mesh is broken.")
@click.option("--seed", default=1, show_default=True, help="The same seed, the same schedule.")
@click.option(
    "--log",
    type=click.Choice(["lmdb", "jetstream"]),
    default="lmdb",
    show_default=True,
    help="The durable log.",
)
@click.option("--keep", is_flag=True, help="Do not delete the mesh's folder.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")
def chaos(minutes: float, seed: int, log: str, keep: bool, as_json: bool) -> None:
    """Kills, stops and starves a mesh of its own under load, then compares what was said with what is there.

    Exit code 1 where anything was lost, doubled, stored by half, altered or stored elsewhere, or did not come
    back. Ends only processes that it has started. Ctrl-C ends it early; the comparison is still made.
    """
    from cli.chaos.run import run_chaos
    from cli.commands import wide_console

    finish(
        run_chaos(
            minutes=minutes,
            seed=seed,
            jetstream=log == "jetstream",
            keep=keep,
            json=as_json,
            console=wide_console(),
        )
    )


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")
def permissions(as_json: bool) -> None:
    """Prints every action, where it belongs, and the roles that permit it."""
    from cli.permissions import print_permissions

    print_permissions(as_json=as_json)


main.add_command(accounts)
main.add_command(audit_log)
main.add_command(bench)
main.add_command(dead_letters)
main.add_command(keys)
main.add_command(plan)


if __name__ == "__main__":
    main()

"""Counts rows of an audit log over a long time, in the mirror of the region that has it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec
from rich.table import Table

from cli.commands import wide_console
from cli.operator import operator_node, running_mesh
from mesh.errors import NotFound
from sankofa.ingest.v1.audit_mirror_pb2 import CountMirrorRequest, CountMirrorResponse
from sankofa.ingest.v1.audit_mirror_pb2_grpc import AuditMirrorServiceStub

TIMEOUT_S = 60.0


async def run_count(
    data_dir: Path, scope: str, *, by: str, since: datetime | None, until: datetime | None, as_json: bool
) -> int:
    """Asks each region until one has the log. Times are UTC."""
    mesh = running_mesh(data_dir)
    request = CountMirrorRequest(
        scope=scope,
        by=f"MIRROR_COUNT_BY_{by.upper()}",
        since_unix_ms=_ms(since),
        until_unix_ms=_ms(until),
    )
    for region, where in mesh.regions.items():
        with operator_node(mesh, region) as node:
            async with node.channel(region, where.internal) as channel:
                try:
                    stub = AuditMirrorServiceStub(channel)
                    _show(region, by, await stub.CountMirror(request, timeout=TIMEOUT_S), as_json=as_json)
                except NotFound:
                    continue
                return 0
    raise click.ClickException(f"{scope} has no audit log in this mesh")


def _ms(moment: datetime | None) -> int:
    return int(moment.replace(tzinfo=UTC).timestamp() * 1000) if moment else 0


def _show(region: str, by: str, found: CountMirrorResponse, *, as_json: bool) -> None:
    if as_json:
        counts = [{"value": one.value, "rows": one.rows} for one in found.counts]
        print(msgspec.json.encode({"region": region, "counts": counts, "behind": found.behind}).decode())
        return
    table = Table(by.replace("_", " "), "rows", title=region)
    for one in found.counts:
        table.add_row(one.value, f"{one.rows:,}")
    wide_console().print(table)
    if found.behind:
        click.echo(f"{found.behind:,} rows are yet to be mirrored", err=True)

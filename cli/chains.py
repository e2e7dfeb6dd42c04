"""Proves the audit logs of a running mesh, region by region, each by its own cell."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import click
import msgspec
from rich.console import Console
from rich.table import Table

from cli.commands import wide_console
from cli.meshfile import MeshFile
from cli.operator import operator_node, running_mesh
from mesh.errors import NotFound
from sankofa.org.v1.audit_pb2 import (
    ChainDefect,
    ChainDefectKind,
    ChainEnd,
    VerifyLogsRequest,
    VerifyLogsResponse,
)
from sankofa.org.v1.audit_pb2_grpc import AuditProofServiceStub


class Expected(NamedTuple):
    """An end that a chain had."""

    scope: str
    seq: int
    hash: str


async def run_verify(
    data_dir: Path, regions: Sequence[str], *, scope: str, expect: Sequence[str], as_json: bool
) -> int:
    """0 where every chain that was asked for holds, else 1."""
    mesh = running_mesh(data_dir)
    unknown = [region for region in regions if region not in mesh.regions]
    if unknown:
        raise click.ClickException(f"no region {unknown[0]} in this mesh: {', '.join(mesh.regions)}")
    expected = [_expected(text) for text in expect]
    found: list[tuple[str, VerifyLogsResponse]] = []
    for region in regions or mesh.regions:
        found += [(region, chain) for chain in await _of(mesh, region, scope, expected)]
    if not found:
        raise click.ClickException(f"{scope or 'an organisation or a project'} has no audit log here")
    gone = {one.scope for one in expected} - {chain.scope for _, chain in found}
    if as_json:
        for region, chain in found:
            print(msgspec.json.encode(_described(region, chain)).decode())
    else:
        _show(found)
    for name in sorted(gone):
        click.echo(f"{name}: expected, and has no log here", err=True)
    return int(bool(gone) or any(chain.defects for _, chain in found))


async def _of(
    mesh: MeshFile, region: str, scope: str, expected: Sequence[Expected]
) -> list[VerifyLogsResponse]:
    """A region's chains, with a line of progress."""
    progress = Console(stderr=True)
    found: list[VerifyLogsResponse] = []
    rows = 0
    ends = [ChainEnd(scope=one.scope, seq=one.seq, hash=bytes.fromhex(one.hash)) for one in expected]
    request = VerifyLogsRequest(scope=scope, ends=ends)
    with operator_node(mesh, region) as node, progress.status(region) as status:
        channel = node.channel(region, mesh.regions[region].internal)
        try:
            async for chain in AuditProofServiceStub(channel).VerifyLogs(request):
                found.append(chain)
                rows += chain.rows
                status.update(f"{region}: {len(found)} of {chain.chains} logs, {rows:,} rows")
        except NotFound:
            if not scope:
                raise
        finally:
            await channel.close()
    return found


def _expected(text: str) -> Expected:
    scope, _, rest = text.partition(":")
    seq, _, hashed = rest.partition(":")
    try:
        return Expected(scope, int(seq), bytes.fromhex(hashed).hex())
    except ValueError:
        raise click.ClickException(f"--expect {text}: SCOPE:SEQ:HASH, as it was printed") from None


def _show(found: Sequence[tuple[str, VerifyLogsResponse]]) -> None:
    table = Table("region", "log", "rows", "end", "verdict")
    for region, chain in found:
        end = f"{chain.scope}:{chain.head_seq}:{chain.head_hash.hex()}"
        verdict = "\n".join(_told(defect) for defect in chain.defects) or "holds"
        table.add_row(region, chain.scope, f"{chain.rows:,}", end, verdict)
    wide_console().print(table)


def _told(defect: ChainDefect) -> str:
    rows = f"row {defect.seq}" if defect.seq == defect.last else f"rows {defect.seq} to {defect.last}"
    kind = ChainDefectKind.Name(defect.kind).removeprefix("CHAIN_DEFECT_KIND_").lower().replace("_", " ")
    return f"{rows} {kind}" + (f" ({defect.audit_id})" if defect.audit_id else "")


def _described(region: str, chain: VerifyLogsResponse) -> dict[str, object]:
    return {
        "region": region,
        "log": chain.scope,
        "rows": chain.rows,
        "end": {"seq": chain.head_seq, "hash": chain.head_hash.hex()},
        "defects": [_told(defect) for defect in chain.defects],
    }

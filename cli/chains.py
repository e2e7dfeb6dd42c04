"""Proves the audit logs of a running mesh, region by region, each by its own cell; compares their mirrors."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext, suppress
from pathlib import Path

import click
from rich.console import Console
from rich.status import Status

from cli.chain_report import Found, expected_end, report
from cli.meshfile import MeshFile
from cli.operator import operator_node, running_mesh
from mesh.errors import NotFound
from sankofa.ingest.v1.audit_mirror_pb2 import CompareMirrorRequest
from sankofa.ingest.v1.audit_mirror_pb2_grpc import AuditMirrorServiceStub
from sankofa.org.v1.audit_pb2 import VerifyLogsRequest
from sankofa.org.v1.audit_pb2_grpc import AuditProofServiceStub


async def run_verify(
    data_dir: Path, regions: Sequence[str], *, scope: str, expect: Sequence[str], mirror: bool, as_json: bool
) -> int:
    """0 where every chain that was asked for holds (and its mirror is the same), else 1."""
    mesh = running_mesh(data_dir)
    unknown = [region for region in regions if region not in mesh.regions]
    if unknown:
        raise click.ClickException(f"no region {unknown[0]} in this mesh: {', '.join(mesh.regions)}")
    expected = [expected_end(text) for text in expect]
    request = VerifyLogsRequest(scope=scope, ends=expected)
    found: list[Found] = []
    for region in regions or mesh.regions:
        found += await _of(mesh, region, request, mirror=mirror)
    return report(found, expected, scope=scope, as_json=as_json)


async def _of(mesh: MeshFile, region: str, request: VerifyLogsRequest, *, mirror: bool) -> list[Found]:
    """A region's logs, with a line of progress."""
    found: dict[str, Found] = {}
    with operator_node(mesh, region) as node, Console(stderr=True).status(region) as status:
        channel = node.channel(region, mesh.regions[region].internal)
        try:
            with suppress(NotFound) if request.scope else nullcontext():
                await _prove(AuditProofServiceStub(channel), request, region, found, status)
            with suppress(NotFound) if request.scope else nullcontext():
                if mirror:
                    await _compare(AuditMirrorServiceStub(channel), request.scope, region, found, status)
        finally:
            await channel.close()
    return list(found.values())


async def _prove(
    stub: AuditProofServiceStub,
    request: VerifyLogsRequest,
    region: str,
    found: dict[str, Found],
    status: Status,
) -> None:
    rows = 0
    async for chain in stub.VerifyLogs(request):
        found[chain.scope] = Found(region, chain.scope, chain)
        rows += chain.rows
        status.update(f"{region}: {len(found)} of {chain.chains} logs, {rows:,} rows")


async def _compare(
    stub: AuditMirrorServiceStub, scope: str, region: str, found: dict[str, Found], status: Status
) -> None:
    async for copy in stub.CompareMirror(CompareMirrorRequest(scope=scope)):
        found.setdefault(copy.scope, Found(region, copy.scope)).mirror = copy
        status.update(f"{region}: the mirror of {copy.scope}")

"""A tool's place in a running mesh: an operator's certificate, a guard, and counters the audit sees too."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from cli.meshfile import MeshFile, read_mesh
from mesh.identity import OPERATOR, Credentials
from mesh.ledger import Ledger
from mesh.node import Node
from mesh.regions import GLOBAL
from mesh.telemetry import tracer_provider


def running_mesh(data_dir: Path) -> MeshFile:
    """The mesh on a data directory. Raises click.ClickException, saying what to do, where none runs."""
    mesh = read_mesh(data_dir)
    if mesh is None:
        raise click.ClickException(f"no mesh is running on {data_dir}: start one with `residency up`")
    return mesh


@contextmanager
def operator_node(mesh: MeshFile, region: str = GLOBAL) -> Iterator[Node]:
    """A node of `region` (LOCAL calls), or of no region. Its counters are left for a cell to collect."""
    home = region if region in mesh.regions else next(iter(mesh.regions))
    with node_of(Path(mesh.data_dir) / "pki", region, Path(mesh.regions[home].data_dir) / "ledger") as node:
        yield node


@contextmanager
def node_of(pki_dir: Path, region: str, ledger_dir: Path) -> Iterator[Node]:
    """The same from a folder of certificates, with its counters in a folder."""
    credentials = Credentials.load(pki_dir, region=region, role=OPERATOR)
    ledger = Ledger(ledger_dir, credentials.identity)
    provider = tracer_provider(credentials.identity, instance_id=ledger.instance_id, ratio=0.0)
    try:
        yield Node(
            credentials=credentials, directory=None, ledger=ledger, tracer=provider.get_tracer("sankofa.cli")
        )
    finally:
        ledger.close()

"""A second factor taken away by the home region's operator: the e-mail goes to that region and no other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from cli.meshfile import MeshFile
from cli.operator import node_of, operator_node, running_mesh
from mesh.errors import SankofaError
from mesh.hints import LoginHints
from mesh.node import Node
from mesh.regions import GLOBAL
from mesh.signing import RowVerifier
from sankofa.org.v1 import second_factor_pb2 as pb
from sankofa.org.v1.second_factor_pb2_grpc import SecondFactorServiceStub
from sankofa.registry.v1.registry_pb2 import FindLoginHintRequest
from sankofa.registry.v1.registry_pb2_grpc import RegistryServiceStub

TIMEOUT_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where the account is: a region of the mesh on `data_dir`, or one address of a deployed region."""

    data_dir: Path
    region: str
    address: str
    pki_dir: Path | None

    @asynccontextmanager
    async def home_of(self, email: str) -> AsyncIterator[tuple[str, SecondFactorServiceStub]]:
        """The account's region, asked as its operator. Raises click.ClickException."""
        if self.address:
            if not self.region or self.pki_dir is None:
                raise click.ClickException("--address needs --region and --pki-dir: that region's operator")
            with node_of(self.pki_dir, self.region, self.data_dir / "ledger") as node:
                async with _stub(node, self.region, self.address) as stub:
                    yield self.region, stub
            return
        mesh = running_mesh(self.data_dir)
        region = self.region or await _home(mesh, email)
        if region not in mesh.regions:
            raise click.ClickException(f"no region {region} in this mesh: {', '.join(mesh.regions)}")
        with operator_node(mesh, region) as node:
            async with _stub(node, region, mesh.regions[region].federated) as stub:
                yield region, stub


async def run_remove(place: Place, email: str) -> int:
    """0 where it is gone, or was not there."""
    async with place.home_of(email) as (region, stub):
        request = pb.RemoveSecondFactorRequest(region=region, email=email)
        try:
            done: pb.RemoveSecondFactorResponse = await stub.RemoveSecondFactor(request, timeout=TIMEOUT_S)
        except SankofaError as error:
            raise click.ClickException(f"{region}: {error.public_text}") from None
    if done.removed:
        print(
            f"{done.user_id} in {region} has no second factor and no recovery codes any more, and "
            f"{done.ended_sessions} sessions ended: its owner signs in with the password, and sets another"
        )
    else:
        print(f"{done.user_id} in {region} has no second factor: nothing was done")
    return 0


async def _home(mesh: MeshFile, email: str) -> str:
    """As the home itself has signed it: the registry is told a hint, and not believed."""
    hint = LoginHints((Path(mesh.data_dir) / "pki" / "hint.key").read_bytes()).hint(email)
    with operator_node(mesh) as node:
        channel = node.channel(GLOBAL, mesh.registry)
        try:
            stub = RegistryServiceStub(channel)
            found = await stub.FindLoginHint(FindLoginHintRequest(hint=hint), timeout=TIMEOUT_S)
        finally:
            await channel.close()
        if not found.HasField("row"):
            raise click.ClickException("no region of this mesh has an account with that e-mail")
        verifier = RowVerifier(node.credentials.authorities)
        verifier.add(found.signer)
        verifier.check(found.row)
    if found.row.row.login_hint.hint != hint:
        raise click.ClickException("the registry answered about another account than it was asked for")
    return str(found.row.row.region)


@asynccontextmanager
async def _stub(node: Node, region: str, address: str) -> AsyncIterator[SecondFactorServiceStub]:
    channel = node.channel(region, address)
    try:
        yield SecondFactorServiceStub(channel)
    finally:
        await channel.close()

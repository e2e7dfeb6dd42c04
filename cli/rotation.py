"""Token keys of a region, through its own internal port: listed, and exchanged."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click
import msgspec
from rich.console import Console
from rich.table import Table

from cli.commands import wide_console
from cli.operator import node_of, operator_node, running_mesh
from mesh.errors import SankofaError
from mesh.node import Node
from sankofa.org.v1 import keys_pb2 as pb
from sankofa.org.v1.keys_pb2_grpc import TokenKeyServiceStub

POLL_S: Final = 0.5
TIMEOUT_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a region is asked: the mesh that runs on `data_dir`, or one address of a deployed region."""

    data_dir: Path
    address: str
    pki_dir: Path | None

    def regions(self) -> list[str]:
        """Those that can be asked without naming one. Raises click.ClickException."""
        if self.address:
            raise click.ClickException("--address is of one region: say which with --region")
        return list(running_mesh(self.data_dir).regions)

    @asynccontextmanager
    async def keys_of(self, region: str) -> AsyncIterator[TokenKeyServiceStub]:
        """The keys of a region, for the block. Raises click.ClickException."""
        with self._node(region) as (node, address):
            channel = node.channel(region, address)
            try:
                yield TokenKeyServiceStub(channel)
            except SankofaError as error:
                raise click.ClickException(f"{region} at {address}: {error.public_text}") from None
            finally:
                await channel.close()

    @contextmanager
    def _node(self, region: str) -> Iterator[tuple[Node, str]]:
        if not self.address:
            mesh = running_mesh(self.data_dir)
            if region not in mesh.regions:
                raise click.ClickException(f"no region {region} in this mesh: {', '.join(mesh.regions)}")
            with operator_node(mesh, region) as node:
                yield node, mesh.regions[region].internal
        elif self.pki_dir is None:
            raise click.ClickException("--address needs --pki-dir, for an operator's certificate")
        else:
            with node_of(self.pki_dir, region, self.data_dir / "ledger") as node:
                yield node, self.address


async def run_list(place: Place, region: str, *, as_json: bool) -> int:
    """Prints them as a table, or a JSON object a line."""
    table = Table(
        "region", "key", "state", "made", "signs since", "verifies until", "retired", "not heard of it"
    )
    for name in [region] if region else place.regions():
        async with place.keys_of(name) as stub:
            for key in await _keys(stub):
                described = {"region": name, **_described(key)}
                if as_json:
                    print(msgspec.json.encode(described).decode())
                behind = "\n".join(f"{one.region}: {one.why}" for one in key.behind)
                table.add_row(*[str(value) for value in list(described.values())[:-1]], behind)
    if not as_json:
        wide_console().print(table)
    return 0


async def run_rotate(place: Place, region: str, without: Sequence[str], *, wait: bool) -> int:
    """0 once the new key signs, and, with `wait`, no other one verifies."""
    said, progress = "", Console(stderr=True)
    async with place.keys_of(region) as stub:
        request = pb.RotateTokenKeyRequest(without=without)
        kid = (await stub.RotateTokenKey(request, timeout=TIMEOUT_S)).kid
        print(f"{kid} is announced: it signs when every directory has it")
        with progress.status("waiting for the directories of all regions") as status:
            while True:
                keys = await _keys(stub)
                mine = next(key for key in keys if key.kid == kid)
                before = [key for key in keys if key.state == pb.TOKEN_KEY_STATE_VERIFYING]
                if mine.state != pb.TOKEN_KEY_STATE_ANNOUNCED and said != "signs":
                    said = "signs"
                    print(f"{kid} signs")
                    for key in before:
                        until = _moment(key.verifies_until_unix_ms)
                        print(f"{key.kid} verifies until {until}, and is retired then")
                    status.update("waiting until the last token of before has run out")
                if said == "signs" and (not wait or not before):
                    return 0
                late = ", ".join(f"{one.region} {one.why}" for one in mine.behind)
                if late and said != "signs":
                    status.update(late)
                await asyncio.sleep(POLL_S)


async def _keys(stub: TokenKeyServiceStub) -> list[pb.TokenKey]:
    answer: pb.ListTokenKeysResponse = await stub.ListTokenKeys(pb.ListTokenKeysRequest(), timeout=TIMEOUT_S)
    return list(answer.keys)


def _described(key: pb.TokenKey) -> dict[str, object]:
    return {
        "key": key.kid,
        "state": pb.TokenKeyState.Name(key.state).removeprefix("TOKEN_KEY_STATE_").lower(),
        "made": _moment(key.created_at_unix_ms),
        "signs_since": _moment(key.signs_since_unix_ms),
        "verifies_until": _moment(key.verifies_until_unix_ms),
        "retired": _moment(key.retired_at_unix_ms),
        "behind": {one.region: one.why for one in key.behind},
    }


def _moment(at_unix_ms: int) -> str:
    """Empty where it has not come to be."""
    return datetime.fromtimestamp(at_unix_ms / 1000, UTC).isoformat(timespec="seconds") if at_unix_ms else ""

"""Every directory of the mesh, asked whether it has heard of a key."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mesh.client import GuardedChannel
from mesh.directory import Directory
from mesh.errors import SankofaError
from mesh.node import Node
from sankofa.registry.v1.directory_pb2 import FindTokenKeysRequest, TokenKeyStanding
from sankofa.registry.v1.directory_pb2_grpc import DirectoryServiceStub

TIMEOUT_S: Final = 3.0
UPGRADE: Final = "does not answer, or is of a version that can't"


@dataclass(frozen=True, slots=True)
class Heard:
    """What a directory knows of some keys, in the order in which it was asked; `why`, if it did not say."""

    region: str
    standings: Sequence[TokenKeyStanding]
    why: str = ""


class Directories:
    """Those of every process that the catalogue names: a region's ingest, and its org where it runs apart."""

    def __init__(self, *, node: Node, directory: Directory) -> None:
        self._node = node
        self._directory = directory
        self._channels: dict[tuple[str, str], GuardedChannel] = {}

    async def ask(self, kids: Sequence[str]) -> list[Heard]:
        """All at once. Empty before there is a catalogue."""
        return await asyncio.gather(
            *(
                self._ask(region.id, address, kids)
                for region in self._directory.regions()
                for address in sorted({region.federated_address, region.org_at})
                if address
            )
        )

    async def close(self) -> None:
        """Closes every channel."""
        for channel in self._channels.values():
            await channel.close()

    async def _ask(self, region: str, address: str, kids: Sequence[str]) -> Heard:
        if region not in self._node.credentials.authorities:
            return Heard(region, (), f"{self._node.region} has no authority of it: restart org there")
        if (region, address) not in self._channels:
            self._channels[region, address] = self._node.channel(region, address)
        stub = DirectoryServiceStub(self._channels[region, address])
        request = FindTokenKeysRequest(region=region, issuer=self._node.region, kids=kids)
        try:
            found = await stub.FindTokenKeys(request, timeout=TIMEOUT_S)
        except SankofaError:
            return Heard(region, (), UPGRADE)
        return Heard(region, list(found.standings))

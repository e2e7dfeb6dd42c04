"""The region registry: which region each thing belongs to, signed by the region itself.

Here live what rows are taken from whom, the feed of their changes (core), and how often accounts may be
looked up (lookups).
No payloads, no names of people, no keys that could sign a row.
"""

from __future__ import annotations

from contextlib import AsyncExitStack

from mesh.node import Node
from mesh.server import Service
from mesh.signing import RowVerifier
from mesh.tasks import background
from sankofa.registry.v1 import registry_pb2
from sankofa.registry.v1.registry_pb2 import Catalogue, Region, RegionStatus
from sankofa.registry.v1.registry_pb2_grpc import add_RegistryServiceServicer_to_server
from services.region_registry.config import RegistryConfig
from services.region_registry.core import Registry
from services.region_registry.lookups import LookUps
from services.region_registry.service import RegistryService
from storage.registry.store import RegistryStore

__all__ = ["build"]


async def build(
    *, config: RegistryConfig, node: Node, stack: AsyncExitStack, store: RegistryStore
) -> list[Service]:
    """Serves `store`, which stays the caller's to close after `stack`."""
    registry = Registry(
        store=store,
        verifier=RowVerifier(node.credentials.authorities),
        catalogue=_catalogue(config),
        lookups=LookUps(per_region=config.lookups_per_minute, per_hint=config.lookups_of_one_per_minute),
        poll_s=config.poll_ms / 1_000,
        heartbeat_s=config.heartbeat_ms / 1_000,
    )
    await registry.start()
    background(registry.follow(), name="registry follow", stack=stack)
    contract = registry_pb2.DESCRIPTOR.services_by_name["RegistryService"]
    return [Service(add_RegistryServiceServicer_to_server, RegistryService(registry=registry), contract)]


def _catalogue(config: RegistryConfig) -> Catalogue:
    open_, roadmap = RegionStatus.REGION_STATUS_OPEN, RegionStatus.REGION_STATUS_ROADMAP
    regions = [
        Region(
            id=region.id,
            display_name=region.display_name,
            status=open_ if region.status == "open" else roadmap,
            rest_url=region.rest_url,
            federated_address=region.federated_address,
            org_address=region.org_address,
        )
        for region in config.catalogue
    ]
    return Catalogue(regions=regions, default_region=config.default_region)

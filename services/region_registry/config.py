"""Settings of the registry: section [registry], environment SANKOFA_REGISTRY_*."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from mesh.regions import DEFAULT_CATALOGUE, DEFAULT_REGION


class CatalogueRegion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One region of the mesh, as every region is told of it."""

    id: str
    """For example eu-west-1."""

    display_name: str
    """For example "Europe / Ireland"."""

    status: Literal["open", "roadmap"] = "open"
    """Whether it takes projects; one on the roadmap is listed and refuses them."""

    rest_url: str = ""
    """Public URL of its REST shim."""

    federated_address: str = ""
    """host:port of its cell's federated port."""

    org_address: str = ""
    """host:port of its org service's federated port, where that runs in a process of its own."""


class RegistryConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the rows are, which regions there are, and how often to say so."""

    store_url: str
    """sqlite+aiosqlite:///path or postgresql+asyncpg://user:password@host/database."""

    catalogue: tuple[CatalogueRegion, ...] = tuple(
        CatalogueRegion(region.id, region.display_name, region.status) for region in DEFAULT_CATALOGUE
    )
    """All regions, in the order in which they are listed. Adding one needs no code."""

    default_region: str = DEFAULT_REGION
    """Where projects go when no region is named."""

    poll_ms: int = 500
    """How often to look for rows that another registry on the same database wrote, milliseconds."""

    lookups_per_minute: Annotated[int, msgspec.Meta(ge=0)] = 6_000
    """Look-ups of accounts by one region, in this process; the next one gets 429. 0: no limit."""

    lookups_of_one_per_minute: Annotated[int, msgspec.Meta(ge=0)] = 60
    """Of those, of one account. 0: no limit."""

    heartbeat_ms: int = 3_000
    """Silence on a watch after which a heartbeat is sent, milliseconds; watchers give up after 15 s."""

    def __post_init__(self) -> None:
        ids = [region.id for region in self.catalogue]
        if len(set(ids)) != len(ids):
            raise ValueError("the catalogue names a region twice")
        if self.default_region not in ids:
            raise ValueError(f"default_region {self.default_region!r} is not in the catalogue")

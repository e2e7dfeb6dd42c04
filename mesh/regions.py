"""The catalogue of regions: configuration, so that adding one needs no code."""

from __future__ import annotations

from typing import Literal

import msgspec

GLOBAL = "global"
"""The trust domain of services that belong to no region: the registry and the operator."""

DEFAULT_REGION = "eu-west-1"


class Region(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One region of the catalogue; `status` says whether it takes projects."""

    id: str
    display_name: str
    status: Literal["open", "roadmap"] = "open"


DEFAULT_CATALOGUE: tuple[Region, ...] = (
    Region("eu-west-1", "Europe / Ireland"),
    Region("us-east-1", "US East / N. Virginia"),
    Region("af-south-1", "Africa / Cape Town"),
    Region("ap-southeast-1", "Asia Pacific / Singapore"),
)

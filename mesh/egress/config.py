"""What an operator may widen: section [egress]."""

from __future__ import annotations

import msgspec


class EgressConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The way out of the mesh, section [egress]. Cells alone use it."""

    allowed_networks: list[str] = []
    """Networks (CIDR) that may be called though they are not public, over http too; for tests and demos."""

    authorities_file: str = ""
    """PEM file of the authorities that receivers may show certificates of; empty: the public ones."""

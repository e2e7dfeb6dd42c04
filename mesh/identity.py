"""Workload identity: who a process is, and the keys that prove it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

OPERATOR: Final = "operator"
"""The role of who runs the mesh: tools have it, no service."""

_URI = re.compile(r"spiffe://(?P<region>[a-z0-9-]+)\.sankofa/(?P<role>[a-z]+)")


@dataclass(frozen=True, slots=True)
class Identity:
    """A region (or "global") and a role in it, as a certificate's only URI names them."""

    region: str
    role: str

    @property
    def uri(self) -> str:
        """The SPIFFE id."""
        return f"spiffe://{self.region}.sankofa/{self.role}"

    @property
    def dns_name(self) -> str:
        """The name that TLS clients verify."""
        return f"{self.role}.{self.region}.sankofa"

    @classmethod
    def parse(cls, uri: str) -> Identity:
        """Raises ValueError for anything that is not one of our SPIFFE ids."""
        match = _URI.fullmatch(uri)
        if match is None:
            raise ValueError(f"not a workload of this mesh: {uri!r}")
        return cls(match["region"], match["role"])


@dataclass(frozen=True, slots=True)
class Credentials:
    """A process's certificate and key, and the authority (PEM) of every region and of "global"."""

    identity: Identity
    certificate_pem: bytes
    key_pem: bytes
    authorities: Mapping[str, bytes]

    @classmethod
    def load(cls, pki_dir: Path, *, region: str, role: str) -> Credentials:
        """Reads `<pki>/<region>/<role>.{crt,key}` and `<pki>/trust/*.pem`."""
        return cls(
            identity=Identity(region, role),
            certificate_pem=(pki_dir / region / f"{role}.crt").read_bytes(),
            key_pem=(pki_dir / region / f"{role}.key").read_bytes(),
            authorities={path.stem: path.read_bytes() for path in sorted((pki_dir / "trust").glob("*.pem"))},
        )

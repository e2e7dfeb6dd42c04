"""The cell's local copy of the routing facts it needs.

Every look-up answers from the last good copy or says that it does not know:
there is no default region and no fallback. The LMDB behind it is in storage/.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from mesh.allowlists import AllowLists
from sankofa.org.v1.org_pb2 import ProjectRole
from sankofa.residency.v1.environment_pb2 import Environment


@dataclass(frozen=True, slots=True)
class RegionFact:
    """A region of the catalogue and where it answers. `status` is "open" or "roadmap"."""

    id: str
    display_name: str
    status: str
    rest_url: str
    federated_address: str
    org_address: str = ""

    @property
    def org_at(self) -> str:
        """host:port of the org service: its own, or the cell's federated port."""
        return self.org_address or self.federated_address


@dataclass(frozen=True, slots=True)
class KeyFact:
    """What an API key opens, found by the SHA-256 of the key."""

    key_id: str
    project_id: str
    environment: Environment
    region: str


@dataclass(frozen=True, slots=True)
class ApiTokenFact:
    """What an API token of a project of this region opens, found by the SHA-256 of the token."""

    token_id: str
    project_id: str
    role: ProjectRole
    expires_at_ms: int


@dataclass(frozen=True, slots=True)
class OrgFact:
    """Where an organisation's own data is, and since which epoch."""

    org_id: str
    primary_region: str
    epoch: int
    former_region: str = ""
    """Where it was in the epoch before; empty in the first."""
    former_until_ms: int = 0
    """Until when that region's word counts as well: its tokens, its tickets, its access rows."""

    def vouching(self, now_ms: int) -> tuple[str, ...]:
        """The regions whose word counts in this organisation, the primary first."""
        if self.former_region and now_ms < self.former_until_ms:
            return self.primary_region, self.former_region
        return (self.primary_region,)


@dataclass(frozen=True, slots=True)
class ProjectFact:
    """What a project's own region knows of it. `state` is "active" or "archived"."""

    project_id: str
    org_id: str
    name: str
    state: str
    retention_days: int = 0
    """Days after its receipt that a new event is kept; 0: for ever, nobody has said yet."""
    allow_lists: AllowLists | None = None
    """Where its events may come from; None: from anywhere."""


@dataclass(frozen=True, slots=True)
class AccessFact:
    """What a user may do in a project of this region, as its organisation's primary region said."""

    user_id: str
    project_id: str
    org_id: str
    role: ProjectRole
    home_region: str
    epoch: int


class Directory(Protocol):
    """Routing facts, read locally in microseconds. Every method answers None where it does not know."""

    def default_region(self) -> str | None:
        """The region of projects that name none; None before the catalogue has come."""

    def regions(self) -> list[RegionFact]:
        """The catalogue, in its order; empty before it has come."""

    def region(self, region_id: str) -> RegionFact | None:
        """One region of the catalogue."""

    def pin(self, project_id: str) -> str | None:
        """The region of a project."""

    def project(self, project_id: str) -> ProjectFact | None:
        """A project of this cell's own region."""

    def key(self, key_hash: bytes) -> KeyFact | None:
        """What a key opens; None for an unknown and for a revoked one."""

    def api_token(self, token_hash: bytes) -> ApiTokenFact | None:
        """What an API token opens; None for one that is unknown, revoked or past its time."""

    def org(self, org_id: str) -> OrgFact | None:
        """An organisation's primary region."""

    def jwt_key(self, region: str, kid: str) -> bytes | None:
        """The Ed25519 public key, 32 bytes, of a region's tokens; None for an unknown and a retired one."""

    def jwt_key_retired(self, region: str, kid: str) -> bool:
        """Whether a key of a region's tokens is known to verify nothing any more."""

    def session_ended(self, region: str, session_id: str) -> bool:
        """Whether a session that a region has begun was ended before its tokens do."""

    def account_ended_ms(self, region: str, user_id: str) -> int:
        """Before when the single sign-ons of an account of a region were ended, unix ms; 0 for never."""

    def access(self, user_id: str, project_id: str) -> AccessFact | None:
        """What a user may do in a project of this cell's own region."""

    def access_fresh(self, primary_region: str) -> bool:
        """Whether that region's access rows are within their lease: mutations are decided on no others."""

"""What a region keeps of the projects pinned to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from mesh.allowlists import ANYWHERE, AllowLists
from mesh.plans import Plan
from sankofa.residency.v1.environment_pb2 import Environment

ProjectState = Literal["active", "archived"]


@dataclass(frozen=True, slots=True)
class ProjectRecord:
    """A project pinned to `region`."""

    project_id: str
    org_id: str
    name: str
    region: str
    state: ProjectState
    created_at_ms: int
    retention_days: int = 0
    """Days after their receipt that its events are kept, 65535 at most; 0: not told yet, for ever."""
    allow_lists: AllowLists = ANYWHERE


@dataclass(frozen=True, slots=True)
class Retention:
    """What the stored events of a project should carry. `spares_older`: those that carry none keep none."""

    days: int
    spares_older: bool


@dataclass(frozen=True, slots=True)
class Granted:
    """What an organisation grants a project: its plan (None: not told yet), and days of the audit log."""

    audit_days: int
    plan: Plan | None


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """An API key without its secret: `key_hash` is the SHA-256 of it, 32 bytes."""

    key_id: str
    project_id: str
    environment: Environment
    key_hash: bytes
    created_at_ms: int
    revoked_at_ms: int | None


@dataclass(frozen=True, slots=True)
class ProjectWithKeys:
    """A project and all its keys, revoked ones included, oldest first."""

    project: ProjectRecord
    keys: Sequence[KeyRecord]


class ProjectRecords(Protocol):
    """Every mutation is one transaction with its registry rows, on disk when it returns.

    All methods raise Unavailable; those that write, CrossingRefused for another region's project.
    """

    async def provision(self, project: ProjectRecord, keys: Sequence[KeyRecord]) -> ProjectWithKeys:
        """Writes a project and its first keys; where an earlier try did, these replace that try's keys.

        Raises Conflict for the same id of another organisation, and PROJECT_ARCHIVED.
        """

    async def project(self, project_id: str) -> ProjectRecord | None:
        """One project."""

    async def with_keys(self, project_id: str) -> ProjectWithKeys | None:
        """One project and its keys."""

    async def add_key(self, key: KeyRecord) -> None:
        """Raises NotFound (no such project), Conflict(PROJECT_ARCHIVED)."""

    async def revoke_key(self, project_id: str, key_id: str, now_ms: int) -> KeyRecord:
        """Revokes for ever; a repeat changes nothing. Raises NotFound(KEY_NOT_FOUND)."""

    async def archive(self, project_id: str, now_ms: int) -> ProjectWithKeys:
        """Archives a project and revokes all its keys and API tokens; a repeat changes nothing.

        Raises NotFound.
        """

    async def set_allow_lists(
        self, project_id: str, *, domains: tuple[str, ...] | None, networks: tuple[str, ...] | None
    ) -> ProjectWithKeys:
        """Sets where a project's events may come from; None leaves a list as it is. Raises NotFound."""

    async def set_retention(self, days: Mapping[str, int]) -> None:
        """Takes what projects' organisations say, by project id; one that is not here is passed over."""

    async def set_granted(self, granted: Mapping[str, Granted]) -> None:
        """What these projects are granted."""

    async def plan(self, project_id: str) -> Plan | None:
        """The plan of a project's organisation, as it was told last; None: not yet."""

    async def plans(self) -> dict[str, Plan]:
        """Of every project whose plan is known, by project id."""

    async def retention(self) -> dict[str, Retention]:
        """Of every project whose retention is known, by project id."""

    async def all(self) -> list[ProjectWithKeys]:
        """Everything, for a directory that is rebuilt."""

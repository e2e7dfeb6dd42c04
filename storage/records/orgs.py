"""What a region keeps of the accounts and organisations that are its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from mesh.directory import AccessFact
from mesh.plans import Plan, Standing
from sankofa.org.v1.org_pb2 import OrgRole
from sankofa.registry.v1.registry_pb2 import Row

Fits = Callable[[Plan, Standing], None]
"""Raises Conflict where an organisation does not fit into a plan."""


def anyhow(plan: Plan, standing: Standing) -> None:
    """Every organisation fits."""


OrgProjectState = Literal["pending", "active", "archived"]


@dataclass(frozen=True, slots=True)
class Account:
    """A person's account. `email` as they wrote it, `email_key` normalised; `password_hash` is argon2id's."""

    user_id: str
    email: str
    email_key: str
    password_hash: str
    created_at_ms: int


@dataclass(frozen=True, slots=True)
class OrgRecord:
    """An organisation whose primary region this is, since `epoch`."""

    org_id: str
    name: str
    plan: Plan
    epoch: int
    created_at_ms: int


@dataclass(frozen=True, slots=True)
class Membership:
    """A user's role in an organisation, and the region of their account."""

    org: OrgRecord
    user_id: str
    role: OrgRole
    home_region: str
    email: str = ""


@dataclass(frozen=True, slots=True)
class OrgProject:
    """A project as its organisation knows it; `region` is its pin, any region of the mesh."""

    project_id: str
    org_id: str
    name: str
    region: str
    state: OrgProjectState
    ticket_expires_at_ms: int
    created_at_ms: int
    created_by: str
    retention_days: int | None = None
    """What an Owner has set; None: as the plan grants."""


@dataclass(frozen=True, slots=True)
class ProjectRetention:
    """What decides how long a project's events are kept: the plan, and what an Owner has set of it."""

    project_id: str
    org_id: str
    plan: Plan
    wanted_days: int | None


@dataclass(frozen=True, slots=True)
class AccessChanges:
    """Access and retention rows of one region's projects, and the number of the feed after them."""

    seq: int
    rows: Sequence[AccessFact]
    retention: Sequence[ProjectRetention]


class OrgRecords(Protocol):
    """Every mutation is one transaction, on disk when it returns. All methods raise Unavailable."""

    async def sign_up(self, account: Account, org: OrgRecord, hint: str) -> None:
        """Writes an account and an organisation that it owns. Raises Conflict(EMAIL_TAKEN)."""

    async def account(self, email_key: str) -> Account | None:
        """The account of a normalised e-mail."""

    async def account_of(self, user_id: str) -> Account | None:
        """The account of a user."""

    async def point(self, user_id: str, org_id: str) -> None:
        """Remembers that a user may be a member of an organisation, wherever its primary region is."""

    async def pointers(self, user_id: str) -> list[str]:
        """Organisations that a user may be a member of: their primary regions know whether."""

    async def orgs(self) -> list[OrgRecord]:
        """Every organisation."""

    async def org_rows(self) -> list[Row]:
        """What the registry is told of every organisation that is here, with how it came here."""

    async def departed(self, hint: str) -> bool:
        """Whether an account, by its login hint, has another home now, or is about to."""

    async def memberships(self, user_id: str) -> list[Membership]:
        """A user's organisations, by name."""

    async def membership(self, org_id: str, user_id: str) -> Membership | None:
        """A user's role in one organisation."""

    async def set_plan(self, org_id: str, plan: Plan, fits: Fits = anyhow) -> bool:
        """Its projects' retention is told again. False where there is no such organisation.

        `fits` looks at the organisation in the transaction, and raises where the plan is too small for it.
        """

    async def set_retention(self, org_id: str, project_id: str, days: int | None) -> bool:
        """What an Owner wants; None: as the plan grants. False where the organisation has no such project."""

    async def add_pending(self, project: OrgProject) -> int:
        """Writes a project that a ticket permits; the epoch of its creator's access row."""

    async def complete(self, org_id: str, project_id: str) -> bool:
        """Says that a project exists; its access rows appear. False where no ticket was given for it."""

    async def drop_pending(self, org_id: str, project_id: str) -> None:
        """Forgets a project that was never created."""

    async def overdue(self, before_ms: int) -> list[OrgProject]:
        """Pending projects whose tickets ended before a time."""

    async def projects(self, org_id: str, *, visible_to: str | None) -> list[OrgProject]:
        """An organisation's projects that exist, oldest first; only those a user has a role in, if named."""

    async def access(self, region: str, *, after_seq: int | None) -> AccessChanges:
        """Rows of a region's projects: all that hold, or, after a number, every change."""

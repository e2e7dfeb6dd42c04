"""What a primary region keeps of its organisations' single sign-on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from sankofa.org.v1.org_pb2 import OrgRole
from storage.records.orgs import Membership, OrgRecord


@dataclass(frozen=True, slots=True)
class SsoSettings:
    """As sankofa.org.v1.SsoSettings says."""

    issuer: str
    client_id: str
    client_secret_name: str
    default_role: OrgRole
    allowed_domains: tuple[str, ...]
    required: bool


@dataclass(frozen=True, slots=True)
class SignIn:
    """A sign-in that has begun: what it was begun with, and what must come back.

    `state_hash`, `browser_hash`: SHA-256 of what the browser holds. `link_user_id`: whose account the
    provider's person is to be; empty at a plain sign-in.
    """

    state_hash: bytes
    org_id: str
    issuer: str
    client_id: str
    redirect_uri: str
    nonce: str
    verifier: str
    browser_hash: bytes
    return_to: str
    link_user_id: str
    expires_at_ms: int


@dataclass(frozen=True, slots=True)
class Vouched:
    """Whom a provider has just vouched for; the e-mail as it wrote it, verified by it."""

    issuer: str
    subject: str
    email: str


class SsoRecords(Protocol):
    """Every mutation is one transaction, on disk when it returns. All methods raise Unavailable."""

    async def org(self, org_id: str) -> OrgRecord | None:
        """The organisation, if it is here."""

    async def settings(self, org_id: str) -> SsoSettings | None:
        """What is set."""

    async def put_settings(self, org_id: str, settings: SsoSettings) -> None:
        """Sets all of it, and tells the projects' regions whose tokens count from now on."""

    async def delete_settings(self, org_id: str) -> None:
        """Forgets them, and the directory's token; identities stay."""

    async def begin(self, sign_in: SignIn, *, now_ms: int) -> None:
        """Keeps a sign-in until it ends; drops those that are too old, and the oldest of too many."""

    async def take(self, org_id: str, state_hash: bytes, *, now_ms: int) -> SignIn | None:
        """A sign-in that is not too old, once."""

    async def home(self, org_id: str, user_id: str) -> str | None:
        """The home region of a member's account, required single sign-on or not; None for no member."""

    async def identity(self, org_id: str, vouched: Vouched) -> str | None:
        """The user id of a provider's person."""

    async def admit(self, org_id: str, vouched: Vouched, user_id: str, role: OrgRole) -> str:
        """Makes a person a member under a user id; who has become known meanwhile stays who they are.

        Raises Conflict(SSO_LINK_NEEDED) where a member has this e-mail, Forbidden(PLAN_REQUIRED).
        """

    async def expected(self, org_id: str, vouched: Vouched) -> str | None:
        """The user id of a member whom the directory has named by this e-mail, and who never signed in."""

    async def claim(self, org_id: str, vouched: Vouched, user_id: str) -> None:
        """Says that a provider's person is the one expected. Raises Conflict(SSO_LINK_NEEDED)."""

    async def link(self, org_id: str, vouched: Vouched, user_id: str) -> None:
        """Says that a provider's person is a member who has an account. Raises Conflict(SSO_LINK_NEEDED)."""

    async def membership(self, org_id: str, user_id: str) -> Membership | None:
        """As OrgRecords.membership."""

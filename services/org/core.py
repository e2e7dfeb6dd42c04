"""Accounts, organisations and the projects they permit: the rules, without gRPC and SQL."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from mesh.clock import wall_ms
from mesh.directory import Directory
from mesh.errors import (
    Conflict,
    CrossingRefused,
    InvalidInput,
    NotFound,
    Unauthenticated,
    Unavailable,
)
from mesh.hints import LoginHints, normalise
from mesh.ids import new_id
from mesh.names import require_name
from mesh.permissions import OrgAction, permitted, require
from mesh.plans import (
    MOST_RETENTION_DAYS,
    TERMS,
    Plan,
    is_plan,
    require_fit,
    require_retention,
    retention_days,
)
from mesh.signing import RowSigner
from mesh.tokens import PROVISION
from sankofa.org.v1.org_pb2 import ProjectRole
from sankofa.registry.v1.registry_pb2 import Row, SignedRow
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.org.callers import Callers
from services.org.naming import MAX_EMAIL, MAX_PASSWORD, require_email, require_password
from services.org.passwords import Passwords
from services.org.sessions.tokens import Tokens
from services.org.signal import ChangeSignal
from services.org.signing import TokenSigner
from services.org.throttle import LoginThrottle
from storage.records.orgs import Account, Membership, OrgProject, OrgRecord, OrgRecords
from storage.records.rows import hint_row, org_row


class RegistryPublisher(Protocol):
    """The way of this region's rows to the registry."""

    async def put(self, rows: Sequence[Row]) -> None:
        """Writes rows at once. Raises Conflict for a second value of what is written once, Unavailable."""

    def wake(self) -> None:
        """Says that the outbox has new rows."""

    async def flush(self, timeout: timedelta) -> bool:
        """Waits until the registry has every row; False where that takes longer."""


class OwnDirectory(Directory, Protocol):
    """The cell's directory, of which this region's own rows can be written at once."""

    async def put_own_rows(self, rows: Sequence[SignedRow]) -> None:
        """Takes rows of this region."""

    async def apply(self, rows: Sequence[SignedRow]) -> int:
        """Takes verified rows of any region, before the registry's feed brings them."""


@dataclass(frozen=True, slots=True)
class Session:
    """A person who has just shown who they are. `elsewhere`: organisations that others may have them in."""

    tokens: Tokens
    user_id: str
    email: str
    memberships: Sequence[Membership]
    elsewhere: Sequence[str]


@dataclass(frozen=True, slots=True)
class Permit:
    """Permission to create a project."""

    project_id: str
    ticket: str


@dataclass(frozen=True, slots=True)
class OrgProjects:
    """Projects of an organisation, and its plan, on which their retention depends."""

    plan: Plan
    projects: Sequence[OrgProject]


class Orgs:
    """The organisations whose primary region is `region`, and the accounts whose home it is."""

    def __init__(
        self,
        *,
        region: str,
        records: OrgRecords,
        directory: OwnDirectory,
        callers: Callers,
        publisher: RegistryPublisher,
        signer: RowSigner,
        tokens: TokenSigner,
        hints: LoginHints,
        passwords: Passwords,
        throttle: LoginThrottle,
        begin_session: Callable[[str], Awaitable[Tokens]],
        require_factor: Callable[[str, str, str], Awaitable[None]],
        changes: ChangeSignal,
        ticket_lifetime: timedelta,
        clock_ms: Callable[[], int] = wall_ms,
    ) -> None:
        self._region = region
        self._records = records
        self._directory = directory
        self._callers = callers
        self._publisher = publisher
        self._signer = signer
        self._tokens = tokens
        self._hints = hints
        self._passwords = passwords
        self._throttle = throttle
        self._begin_session = begin_session
        self._require_factor = require_factor
        self._changes = changes
        self._ticket_lifetime = ticket_lifetime
        self._clock_ms = clock_ms

    async def announce(self, keys: Sequence[Row]) -> None:
        """At start: the directory learns this region's signer, token keys and organisations."""
        rows = [*keys, *await self._records.org_rows()]
        signed = [self._signer.signer_row(), *(self._signer.sign(row) for row in rows)]
        await self._directory.put_own_rows(signed)
        self._publisher.wake()

    async def sign_up(self, email: str, password: str, org_name: str) -> Session:
        """Claims the e-mail at the registry, then writes the account; killed between, a repeat completes."""
        email = require_email(email)
        require_password(password)
        org_name = require_name("org_name", org_name)
        if await self._records.account(normalise(email)) is not None:
            raise Conflict(ErrorReason.ERROR_REASON_EMAIL_TAKEN)
        password_hash = await self._passwords.hash(password)
        hint = self._hints.hint(email)
        try:
            await self._publisher.put([hint_row(self._region, hint)])
        except Conflict:
            raise Conflict(ErrorReason.ERROR_REASON_EMAIL_TAKEN) from None
        now = self._clock_ms()
        account = Account(new_id("usr"), email, normalise(email), password_hash, now)
        org = OrgRecord(new_id("org"), org_name, "hobby", 1, now)
        await self._records.sign_up(account, org, hint)
        await self._directory.put_own_rows([self._signer.sign(org_row(self._region, org))])
        self._publisher.wake()
        # So that other regions can find the organisation by the time its owner asks for it.
        await self._publisher.flush(timedelta(seconds=2))
        return await self._session(account)

    async def log_in(self, email: str, password: str, *, code: str = "", hint: str = "") -> Session:
        """Raises Unauthenticated(LOGIN_FAILED), as fast for an unknown e-mail as for a wrong password.

        Also Unauthenticated(SECOND_FACTOR_…) after the right one, RateLimited(LOGIN_THROTTLED), and
        CrossingRefused(ACCOUNT_MOVED). `hint`: what is counted.
        """
        account = await self._records.account(normalise(email)) if len(email) <= MAX_EMAIL else None
        hint = hint or self._hints.hint(email)
        if await self._records.departed(self._hints.hint(email)):
            raise CrossingRefused(ErrorReason.ERROR_REASON_ACCOUNT_MOVED)
        stored = None if account is None else account.password_hash
        with self._throttle.attempt(hint):
            known = await self._passwords.verify(stored, password[: MAX_PASSWORD + 1])
            if account is None or not known:
                raise Unauthenticated(ErrorReason.ERROR_REASON_LOGIN_FAILED)
        await self._require_factor(account.user_id, code, hint)
        return await self._session(account)

    async def memberships(self, token: str | None) -> list[Membership]:
        """The caller's organisations here."""
        return await self._callers.memberships(token)

    async def projects(self, token: str | None, org_id: str) -> OrgProjects:
        """The projects of an organisation that the caller may see."""
        member = await self._callers.member(token, org_id, OrgAction.LIST_PROJECTS)
        sees_all = permitted(OrgAction.LIST_EVERY_PROJECT, member.role)
        visible_to = None if sees_all else member.user_id
        return OrgProjects(member.org.plan, await self._records.projects(org_id, visible_to=visible_to))

    async def residency(self, token: str | None, org_id: str) -> OrgProjects:
        """Every project of an organisation. Raises Forbidden."""
        member = await self._callers.member(token, org_id, OrgAction.READ_RESIDENCY)
        return OrgProjects(member.org.plan, await self._records.projects(org_id, visible_to=None))

    async def authorise_create(self, token: str | None, org_id: str, name: str, region: str) -> Permit:
        """Permits one project in one region: another one than the default is not for everybody to choose.

        Raises Forbidden, InvalidInput (name, REGION_UNKNOWN), Conflict (REGION_NOT_OPEN).
        """
        member = await self._callers.member(token, org_id, OrgAction.CREATE_PROJECT)
        name = require_name("name", name)
        self.require_open(region)
        if region != self._directory.default_region():
            require(OrgAction.CHOOSE_REGION, member.role)
        now = self._clock_ms()
        expires = now + int(self._ticket_lifetime.total_seconds() * 1000)
        project = OrgProject(new_id("proj"), org_id, name, region, "pending", expires, now, member.user_id)
        epoch = await self._records.add_pending(project)
        claims = {
            "jti": new_id("tkt"),
            "sub": member.user_id,
            "project_id": project.project_id,
            "org_id": org_id,
            "name": name,
            "region": region,
            "role": int(ProjectRole.PROJECT_ROLE_ADMIN),
            "home_region": member.home_region,
            "epoch": epoch,
            "retention_days": TERMS[member.org.plan].retention_days,
            "plan": member.org.plan,
        }
        ticket = await self._tokens.sign(claims, audience=PROVISION, lifetime=self._ticket_lifetime)
        return Permit(project.project_id, ticket)

    async def complete_create(self, token: str | None, org_id: str, project_id: str) -> None:
        """Says that a permitted project exists: its region learns who may use it. Idempotent."""
        await self._callers.member(token, org_id, OrgAction.CREATE_PROJECT)
        if not await self._records.complete(org_id, project_id):
            raise NotFound(ErrorReason.ERROR_REASON_PROJECT_NOT_FOUND)
        await self._changes.notify()

    async def set_plan(self, org_id: str, plan: str) -> Plan:
        """Sets a plan, at once. Raises InvalidInput, NotFound, Conflict(PLAN_TOO_SMALL)."""
        if not is_plan(plan):
            raise InvalidInput(detail=f"plan is one of {', '.join(TERMS)}")
        if not await self._records.set_plan(org_id, plan, require_fit):
            raise NotFound(ErrorReason.ERROR_REASON_ORG_NOT_FOUND)
        await self._changes.notify()
        return plan

    async def set_retention(self, token: str | None, org_id: str, project_id: str, days: int) -> int:
        """Sets how long a project's events are kept; 0: as the plan grants. Answers the days.

        The project's region is told by the access feed, as soon as it is there to be told.
        Raises Forbidden (PLAN_REQUIRED too), InvalidInput, NotFound.
        """
        member = await self._callers.member(token, org_id, OrgAction.SET_RETENTION)
        plan = member.org.plan
        if not 0 <= days <= MOST_RETENTION_DAYS:
            raise InvalidInput(detail=f"retention_days is 1 to {MOST_RETENTION_DAYS}")
        require_retention(plan, days)
        if not await self._records.set_retention(org_id, project_id, days or None):
            raise NotFound(ErrorReason.ERROR_REASON_PROJECT_NOT_FOUND)
        await self._changes.notify()
        return retention_days(plan, days or None)

    async def _session(self, account: Account) -> Session:
        tokens = await self._begin_session(account.user_id)
        here = await self._records.memberships(account.user_id)
        known = {each.org.org_id for each in here}
        pointers = await self._records.pointers(account.user_id)
        elsewhere = [org_id for org_id in pointers if org_id not in known]
        return Session(tokens, account.user_id, account.email, here, elsewhere)

    def require_open(self, region: str) -> None:
        """Raises InvalidInput (REGION_UNKNOWN), Conflict (REGION_NOT_OPEN), Unavailable."""
        fact = self._directory.region(region)
        if fact is None and not self._directory.regions():
            raise Unavailable
        if fact is None:
            raise InvalidInput(ErrorReason.ERROR_REASON_REGION_UNKNOWN)
        if fact.status != "open":
            raise Conflict(ErrorReason.ERROR_REASON_REGION_NOT_OPEN)

"""Projects of this region and their keys: the rules, without gRPC and SQL."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from mesh.access import authorise
from mesh.allowlists import AllowLists
from mesh.clock import wall_ms
from mesh.context import act_as
from mesh.directory import AccessFact
from mesh.errors import InvalidInput, NotFound
from mesh.ids import new_id
from mesh.permissions import ProjectAction
from mesh.secrets import hash_of
from mesh.signing import RowSigner
from sankofa.registry.v1.registry_pb2 import Row, SignedRow
from sankofa.residency.v1.environment_pb2 import Environment
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.ingest.plans import ToldPlans
from services.ingest.projects.api_tokens import ApiTokens
from services.ingest.projects.facts import FactWriter, ProjectFacts
from services.ingest.projects.tickets import read_ticket
from storage.records.projects import KeyRecord, ProjectRecord, ProjectRecords, ProjectWithKeys
from storage.records.rows import key_row, pin_row

_PREFIXES = {Environment.ENVIRONMENT_LIVE: "sk_live_", Environment.ENVIRONMENT_TEST: "sk_test_"}
FLUSH = timedelta(seconds=2)
"""How long an answer waits for the registry, so that the global URL knows a key when its owner does."""

ROWS_A_WRITE = 1000


class DirectoryWriter(FactWriter, Protocol):
    """The cell's directory, as its one writer sees it."""

    async def put_own_rows(self, rows: Sequence[SignedRow]) -> None:
        """Takes rows of this region."""

    async def put_access(self, primary_region: str, rows: Sequence[AccessFact]) -> None:
        """Takes access rows of a primary region."""


class OutboxPublisher(Protocol):
    """What publishes the outbox of the records."""

    def wake(self) -> None:
        """Says that the outbox has new rows."""

    async def flush(self, timeout: timedelta) -> bool:
        """Waits until the registry has every row; False where that takes longer."""


@dataclass(frozen=True, slots=True)
class Minted:
    """A key and its secret, which is kept nowhere."""

    record: KeyRecord
    secret: str


@dataclass(frozen=True, slots=True)
class Provisioned:
    """A new project and its first keys."""

    stored: ProjectWithKeys
    live: Minted
    test: Minted


class Projects:
    """The projects pinned to `region`: records first, then the directory, then the registry."""

    def __init__(
        self,
        *,
        region: str,
        records: ProjectRecords,
        directory: DirectoryWriter,
        facts: ProjectFacts,
        tokens: ApiTokens,
        publisher: OutboxPublisher,
        signer: RowSigner,
        plans: ToldPlans,
        clock_ms: Callable[[], int] = wall_ms,
    ) -> None:
        self._region = region
        self._records = records
        self._directory = directory
        self._facts = facts
        self._tokens = tokens
        self._publisher = publisher
        self._signer = signer
        self._plans = plans
        self._clock_ms = clock_ms

    async def restore(self) -> None:
        """At start: rebuilds the directory's own rows, so that a lost or old one revives no revoked key."""
        every = await self._records.all()
        rows = [row for stored in every for row in self._rows(stored)]
        for start in range(0, len(rows), ROWS_A_WRITE):
            # Unsigned: the directory keeps facts, not signatures, and those of 10,000 projects take seconds.
            some = [SignedRow(row=row) for row in rows[start : start + ROWS_A_WRITE]]
            await self._directory.put_own_rows(some)
        await self._facts.put(stored.project for stored in every)
        self._publisher.wake()

    async def provision(self, token: str) -> Provisioned:
        """Creates the ticket's project and mints its keys; a repeat replaces them.

        Raises Forbidden(TICKET_INVALID), Unavailable, Conflict (archived meanwhile).
        """
        ticket = await read_ticket(token, directory=self._directory, region=self._region)
        creator, now = ticket.creator, self._clock_ms()
        act_as(creator.user_id)
        project = ProjectRecord(
            creator.project_id,
            creator.org_id,
            ticket.name,
            self._region,
            "active",
            now,
            ticket.retention_days,
        )
        live = self._mint(project.project_id, Environment.ENVIRONMENT_LIVE)
        test = self._mint(project.project_id, Environment.ENVIRONMENT_TEST)
        stored = await self._records.provision(project, [live.record, test.record])
        await self._facts.refresh(project.project_id)
        if ticket.plan and project.project_id not in self._plans.known:
            # Its first events may come before the access feed has told it, and keeps it for a restart.
            self._plans.take({project.project_id: ticket.plan})
        await self._directory.put_access(ticket.primary_region, [creator])
        await self._put_rows(self._rows(stored))
        await self._publish()
        return Provisioned(stored, live, test)

    async def check(self, project_id: str) -> ProjectRecord | None:
        """Whether this region has a project."""
        return await self._records.project(project_id)

    async def get(self, token: str | None, project_id: str) -> ProjectWithKeys:
        """A project and its keys, for its Viewers."""
        authorise(self._directory, token, project_id, ProjectAction.READ_PROJECT, mutation=False)
        stored = await self._records.with_keys(project_id)
        if stored is None:
            raise NotFound(ErrorReason.ERROR_REASON_PROJECT_NOT_FOUND)
        return stored

    async def mint(self, token: str | None, project_id: str, environment: Environment) -> Minted:
        """A new key, for its Admins. Raises Conflict (archived)."""
        self._authorise(token, project_id, ProjectAction.MANAGE_KEYS)
        if environment not in _PREFIXES:
            raise InvalidInput(detail="environment is live or test")
        minted = self._mint(project_id, environment)
        await self._records.add_key(minted.record)
        await self._put_rows([key_row(self._region, minted.record)])
        await self._publish()
        return minted

    async def revoke(self, token: str | None, project_id: str, key_id: str) -> None:
        """Revokes a key here and now, for its Admins; the registry hears of it when it can. Idempotent."""
        self._authorise(token, project_id, ProjectAction.MANAGE_KEYS)
        revoked = await self._records.revoke_key(project_id, key_id, self._clock_ms())
        await self._put_rows([key_row(self._region, revoked)])
        self._publisher.wake()

    async def set_allow_lists(
        self,
        token: str | None,
        project_id: str,
        *,
        domains: Sequence[str] | None = None,
        networks: Sequence[str] | None = None,
    ) -> ProjectWithKeys:
        """Sets where its events may come from, for its Admins; None leaves a list. Raises InvalidInput."""
        self._authorise(token, project_id, ProjectAction.SET_ALLOW_LISTS)
        try:
            wanted = AllowLists.of(domains=domains or (), networks=networks or ())
        except ValueError as error:
            raise InvalidInput(detail=str(error)) from None
        stored = await self._records.set_allow_lists(
            project_id,
            domains=None if domains is None else wanted.domains,
            networks=None if networks is None else wanted.networks,
        )
        await self._facts.refresh(project_id)
        return stored

    async def archive(self, token: str | None, project_id: str) -> ProjectWithKeys:
        """Ends a project's ingestion, for its Admins: all keys and API tokens are revoked. Idempotent."""
        self._authorise(token, project_id, ProjectAction.ARCHIVE_PROJECT)
        stored = await self._records.archive(project_id, self._clock_ms())
        await self._tokens.refresh(project_id)
        await self._put_rows(self._rows(stored))
        await self._facts.refresh(project_id)
        self._publisher.wake()
        return stored

    def _authorise(self, token: str | None, project_id: str, action: ProjectAction) -> None:
        authorise(self._directory, token, project_id, action, mutation=True)

    def _mint(self, project_id: str, environment: Environment) -> Minted:
        secret = _PREFIXES[environment] + secrets.token_hex(16)
        key_hash = hash_of(secret)
        record = KeyRecord(new_id("key"), project_id, environment, key_hash, self._clock_ms(), None)
        return Minted(record, secret)

    def _rows(self, stored: ProjectWithKeys) -> list[Row]:
        return [pin_row(stored.project), *(key_row(self._region, key) for key in stored.keys)]

    async def _put_rows(self, rows: Sequence[Row]) -> None:
        await self._directory.put_own_rows([self._signer.sign(row) for row in rows])

    async def _publish(self) -> None:
        self._publisher.wake()
        await self._publisher.flush(FLUSH)

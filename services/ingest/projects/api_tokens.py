"""API tokens of this region's projects: the rules, without gRPC and SQL."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Protocol

from mesh.access import authorise
from mesh.api_tokens import DEFAULT_DAYS, MOST_DAYS, new_secret
from mesh.clock import wall_ms
from mesh.directory import ApiTokenFact, Directory
from mesh.errors import InvalidInput, NotFound
from mesh.ids import new_id
from mesh.names import require_name
from mesh.permissions import ProjectAction
from mesh.secrets import hash_of
from sankofa.org.v1.org_pb2 import ProjectRole
from sankofa.residency.v1.error_pb2 import ErrorReason
from storage.records.api_tokens import ApiTokenRecord, ApiTokenRecords

_DAY_MS: Final = timedelta(days=1) // timedelta(milliseconds=1)
_ROLES: Final = frozenset(ProjectRole.values()) - {ProjectRole.PROJECT_ROLE_UNSPECIFIED}


class TokenWriter(Directory, Protocol):
    """The cell's directory, as its one writer sees it."""

    async def put_api_tokens(self, good: Mapping[bytes, ApiTokenFact], ended: Iterable[bytes]) -> None:
        """Takes API tokens of this region's projects, by their hashes, and forgets those that have ended."""

    async def replace_api_tokens(self, good: Mapping[bytes, ApiTokenFact]) -> None:
        """Takes all API tokens of this region's projects: any other is good no more."""


@dataclass(frozen=True, slots=True)
class MintedToken:
    """A token and its secret, which is kept nowhere."""

    record: ApiTokenRecord
    secret: str


class ApiTokens:
    """Records first, then the directory, which every process of the region reads: no other region is told."""

    def __init__(
        self,
        *,
        records: ApiTokenRecords,
        directory: TokenWriter,
        clock_ms: Callable[[], int] = wall_ms,
    ) -> None:
        self._records = records
        self._directory = directory
        self._clock_ms = clock_ms
        self._one_at_a_time = asyncio.Lock()

    async def restore(self) -> None:
        """At start: rebuilds what the directory knows, so that a lost or old one revives no revoked token."""
        every = await self._records.good(self._clock_ms())
        await self._directory.replace_api_tokens({token.token_hash: token.fact for token in every})

    async def refresh(self, project_id: str) -> None:
        """Writes a project's tokens as they are in the records: of two changes at once the later has both."""
        async with self._one_at_a_time:
            now_ms = self._clock_ms()
            every = await self._records.of_project(project_id)
            good = {token.token_hash: token.fact for token in every if token.good(now_ms)}
            ended = [token.token_hash for token in every if not token.good(now_ms)]
            await self._directory.put_api_tokens(good, ended)

    async def mint(
        self, token: str | None, project_id: str, *, name: str, role: ProjectRole, days: int
    ) -> MintedToken:
        """A new token, for Admins of the project; its role can't be above theirs. `days` 0: the default.

        Raises InvalidInput, Conflict (archived, too many).
        """
        minter = self._authorise(token, project_id, mutation=True)
        if role not in _ROLES:
            raise InvalidInput(detail="role is viewer, editor or admin")
        days = days or DEFAULT_DAYS
        if days > MOST_DAYS:
            raise InvalidInput(detail=f"expires_in_days is 1 to {MOST_DAYS}")
        secret, now_ms = new_secret(), self._clock_ms()
        record = ApiTokenRecord(
            token_id=new_id("tok"),
            project_id=project_id,
            name=require_name("name", name),
            role=role,
            token_hash=hash_of(secret),
            created_by=minter,
            created_at_ms=now_ms,
            expires_at_ms=now_ms + days * _DAY_MS,
        )
        await self._records.add(record)
        await self.refresh(project_id)
        return MintedToken(record, secret)

    async def every(self, token: str | None, project_id: str) -> tuple[Sequence[ApiTokenRecord], str]:
        """A project's tokens, for its Admins, and the organisation that knows who minted them."""
        self._authorise(token, project_id, mutation=False)
        project = self._directory.project(project_id)
        if project is None:
            raise NotFound(ErrorReason.ERROR_REASON_PROJECT_NOT_FOUND)
        return await self._records.of_project(project_id), project.org_id

    async def revoke(self, token: str | None, project_id: str, token_id: str) -> None:
        """Ends a token here and now, for Admins of the project. Idempotent. Raises NotFound."""
        self._authorise(token, project_id, mutation=True)
        await self._records.revoke(project_id, token_id, self._clock_ms())
        await self.refresh(project_id)

    async def note_use(self, project_id: str, token_id: str) -> None:
        """Says that a token is in use now."""
        await self._records.note_use(project_id, token_id, self._clock_ms())

    def _authorise(self, token: str | None, project_id: str, *, mutation: bool) -> str:
        """Who asks."""
        action = ProjectAction.MANAGE_API_TOKENS
        return authorise(self._directory, token, project_id, action, mutation=mutation).user_id

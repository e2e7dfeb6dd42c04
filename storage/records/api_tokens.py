"""What a region keeps of the API tokens of its projects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Protocol

from mesh.directory import ApiTokenFact
from sankofa.org.v1.org_pb2 import ProjectRole

MOST_TOKENS: Final = 100
"""Of one project, good at the same time."""

REMEMBERED: Final = timedelta(days=90)
"""How long a token that has ended is listed; it goes when its project is next given one."""

MOST_ENDED: Final = 1_000
"""Of one project, listed: beyond that those that ended first go as early. Making and revoking costs nothing,
and each change compares the list with the directory."""

USES_APART: Final = timedelta(minutes=10)
"""Within this time of the last use that was written, none is: requests do not become writes."""


@dataclass(frozen=True, slots=True)
class ApiTokenRecord:
    """An API token without its secret: `token_hash` is the SHA-256 of it, 32 bytes."""

    token_id: str
    project_id: str
    name: str
    role: ProjectRole
    token_hash: bytes
    created_by: str
    created_at_ms: int
    expires_at_ms: int
    last_used_at_ms: int | None = None
    revoked_at_ms: int | None = None

    def good(self, now_ms: int) -> bool:
        """Whether it opens anything."""
        return self.revoked_at_ms is None and now_ms < self.expires_at_ms

    @property
    def fact(self) -> ApiTokenFact:
        """What the directory has to know of it."""
        return ApiTokenFact(self.token_id, self.project_id, self.role, self.expires_at_ms)


class ApiTokenRecords(Protocol):
    """All methods raise Unavailable. Making and revoking are rows of the project's audit log.

    Archiving a project, which is ProjectRecords', revokes its tokens in the same transaction.
    """

    async def add(self, token: ApiTokenRecord) -> None:
        """Raises NotFound (no such project), Conflict(PROJECT_ARCHIVED), Conflict(TOO_MANY)."""

    async def revoke(self, project_id: str, token_id: str, now_ms: int) -> None:
        """Revokes for ever; a repeat changes nothing. Raises NotFound(API_TOKEN_NOT_FOUND)."""

    async def of_project(self, project_id: str) -> Sequence[ApiTokenRecord]:
        """A project's tokens, ended ones included, newest first."""

    async def good(self, now_ms: int) -> Sequence[ApiTokenRecord]:
        """Every token that opens something, for a directory that is rebuilt."""

    async def note_use(self, project_id: str, token_id: str, at_ms: int) -> None:
        """Writes when a token was used, unless a use shortly before has been written."""

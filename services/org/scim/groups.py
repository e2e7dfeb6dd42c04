"""Groups of a directory: the organisation's teams, with what they may do in projects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from mesh.clock import wall_ms
from mesh.errors import InvalidInput
from mesh.ids import new_id
from mesh.names import require_name
from services.org.members.access_wait import AccessWait
from services.org.scim.tokens import Tokens
from services.org.scim.users import LONGEST
from storage.records.scim import ScimGroup, ScimGroupRecords, ScimPage

MOST_MEMBERS: Final = 10_000


class Groups:
    """Of the organisations whose primary region this is. As Users; roles in projects are not SCIM's."""

    def __init__(
        self,
        *,
        records: ScimGroupRecords,
        tokens: Tokens,
        wait: AccessWait,
        clock_ms: Callable[[], int] = wall_ms,
    ) -> None:
        self._records = records
        self._tokens = tokens
        self._wait = wait
        self._clock_ms = clock_ms

    async def page(self, token: str | None, org_id: str, page: ScimPage) -> tuple[list[ScimGroup], int]:
        """Some of them, and how many there are."""
        await self._tokens.authenticate(token, org_id)
        return await self._records.groups(org_id, page)

    async def create(
        self, token: str | None, org_id: str, name: str, external_id: str, user_ids: Sequence[str]
    ) -> ScimGroup:
        """Raises InvalidInput, for who is no active user too."""
        await self._tokens.authenticate(token, org_id)
        wanted = _understood(new_id("team"), name, external_id, user_ids, self._clock_ms())
        return await self._records.create_group(org_id, wanted)

    async def replace(
        self,
        token: str | None,
        org_id: str,
        team_id: str,
        name: str,
        external_id: str,
        user_ids: Sequence[str],
        version: str,
    ) -> ScimGroup:
        """Raises as `create`, and NotFound(TEAM_NOT_FOUND), Conflict(CHANGED_MEANWHILE)."""
        await self._tokens.authenticate(token, org_id)
        wanted = _understood(team_id, name, external_id, user_ids, 0)
        group = await self._records.replace_group(org_id, wanted, version=version)
        await self._wait.told(org_id)
        return group

    async def delete(self, token: str | None, org_id: str, team_id: str) -> None:
        """Raises NotFound(TEAM_NOT_FOUND)."""
        await self._tokens.authenticate(token, org_id)
        await self._records.delete_group(org_id, team_id)
        await self._wait.told(org_id)


def _understood(team_id: str, name: str, external_id: str, user_ids: Sequence[str], at_ms: int) -> ScimGroup:
    if len(external_id) > LONGEST or not external_id.isprintable():
        raise InvalidInput(detail=f"externalId has at most {LONGEST} printable characters")
    if len(user_ids) > MOST_MEMBERS:
        raise InvalidInput(detail=f"members are at most {MOST_MEMBERS:,}")
    return ScimGroup(team_id, require_name("displayName", name), external_id, at_ms, tuple(user_ids))

"""Who is calling about an organisation, and whether they may: asked of the records at each request.

So a role that was changed, or a membership that has ended, counts from the next request on, whatever the
caller's token was signed for.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from mesh.context import act_as
from mesh.directory import Directory
from mesh.errors import Forbidden, Unauthenticated
from mesh.permissions import OrgAction, require
from mesh.tokens import USER, verify
from storage.records.orgs import Membership, OrgRecords


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class Callers:
    """Members of the organisations whose primary region is `region`."""

    def __init__(
        self,
        *,
        region: str,
        records: OrgRecords,
        directory: Directory,
        clock_ms: Callable[[], int] = _now_ms,
    ) -> None:
        self._region = region
        self._records = records
        self._directory = directory
        self._clock_ms = clock_ms

    async def member(self, token: str | None, org_id: str, action: OrgAction) -> Membership:
        """The member behind a token, whose role permits the action.

        Raises Unauthenticated (no or bad token, or one of a region that may not vouch for this member), and
        Forbidden (no member, or the role).
        """
        claims = verify(token, directory=self._directory, audience=USER)
        member = await self._membership(claims.subject, org_id)
        if claims.issuer_region not in self._vouching(member):
            raise Unauthenticated
        return self._acting(member, action)

    async def member_by_id(self, user_id: str, org_id: str, action: OrgAction) -> Membership:
        """The same of who is known by other means than a token. Raises Forbidden."""
        return self._acting(await self._membership(user_id, org_id), action)

    async def memberships(self, token: str | None) -> list[Membership]:
        """The caller's organisations here, as far as the token's issuer may vouch for them."""
        claims = verify(token, directory=self._directory, audience=USER)
        every = await self._records.memberships(claims.subject)
        return [member for member in every if claims.issuer_region in self._vouching(member)]

    async def _membership(self, user_id: str, org_id: str) -> Membership:
        member = await self._records.membership(org_id, user_id)
        if member is None:
            raise Forbidden(detail="you are no member of this organisation, one of its Admins can invite you")
        return member

    def _acting(self, member: Membership, action: OrgAction) -> Membership:
        """From here on the member acts: what is changed is in the log under their name."""
        require(action, member.role)
        act_as(member.user_id, member.email)
        return member

    def _vouching(self, member: Membership) -> tuple[str, ...]:
        """Whose tokens count for a member: their home's, the primary's, and for a while the one before's."""
        org = self._directory.org(member.org.org_id)
        vouching = () if org is None else org.vouching(self._clock_ms())
        return (self._region, member.home_region, *vouching)

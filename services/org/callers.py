"""Who is calling about an organisation, and whether they may: asked of the records at each request.

So a role that was changed, or a membership that has ended, counts from the next request on, whatever the
caller's token was signed for.
"""

from __future__ import annotations

from collections.abc import Callable

from mesh.access import require_vouched, vouched
from mesh.clock import wall_ms
from mesh.context import act_as
from mesh.directory import Directory
from mesh.errors import Forbidden
from mesh.permissions import OrgAction, require
from mesh.tokens import verify_person
from storage.records.orgs import Membership, OrgRecords


class Callers:
    """Members of the organisations whose primary region is `region`."""

    def __init__(
        self,
        *,
        region: str,
        records: OrgRecords,
        directory: Directory,
        clock_ms: Callable[[], int] = wall_ms,
    ) -> None:
        self._region = region
        self._records = records
        self._directory = directory
        self._clock_ms = clock_ms

    async def member(self, token: str | None, org_id: str, action: OrgAction) -> Membership:
        """The member behind a token, whose role permits the action.

        Raises Unauthenticated (no or bad token, or one of a region that may not vouch for this member), and
        Forbidden (no member, the role, or a password where single sign-on is required).
        """
        claims = verify_person(token, directory=self._directory, org_id=org_id)
        member = await self._membership(claims.subject, org_id)
        require_vouched(claims, member.home_region, self._vouching(org_id))
        return self._acting(member, action)

    async def member_by_id(self, user_id: str, org_id: str, action: OrgAction) -> Membership:
        """The same of who is known by other means than a token. Raises Forbidden."""
        return self._acting(await self._membership(user_id, org_id), action)

    async def memberships(self, token: str | None) -> list[Membership]:
        """The caller's organisations here, as far as the token's issuer may vouch for them."""
        claims = verify_person(token, directory=self._directory, org_id=None)
        return [
            member
            for member in await self._records.memberships(claims.subject)
            if claims.only_org in (None, member.org.org_id)
            and vouched(claims, member.home_region, self._vouching(member.org.org_id))
        ]

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

    def _vouching(self, org_id: str) -> tuple[str, ...]:
        """Whose word counts in an organisation: this region's, and for a while that of the one before."""
        org = self._directory.org(org_id)
        return (self._region, *(() if org is None else org.vouching(self._clock_ms())))

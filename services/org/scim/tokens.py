"""The token of an organisation's directory: its Owners make and end it, and it opens nothing but SCIM."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from typing import Final

from mesh.clock import wall_ms
from mesh.context import act_as
from mesh.errors import NotFound, Unauthenticated
from mesh.ids import new_id
from mesh.permissions import OrgAction
from mesh.plans import Feature, require_feature
from mesh.secrets import hash_of
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.org.callers import Callers
from storage.records.scim import ScimRecords, ScimToken
from storage.records.sso import SsoRecords

PREFIX: Final = "scim_"
"""So that a token that was left lying about is recognised for what it is."""


class Tokens:
    """Of the organisations whose primary region this is."""

    def __init__(
        self,
        *,
        records: ScimRecords,
        sso: SsoRecords,
        callers: Callers,
        clock_ms: Callable[[], int] = wall_ms,
    ) -> None:
        self._records = records
        self._sso = sso
        self._callers = callers
        self._clock_ms = clock_ms

    async def get(self, token: str | None, org_id: str) -> ScimToken | None:
        """What is known of it. Raises Forbidden."""
        await self._callers.member(token, org_id, OrgAction.MANAGE_SCIM)
        return await self._records.token(org_id)

    async def create(self, token: str | None, org_id: str) -> tuple[ScimToken, str]:
        """A new one and its secret, which is in no store; the one before opens nothing any more.

        Raises Forbidden (PLAN_REQUIRED too), NotFound(SSO_NOT_SET): who a directory names has to be able to
        come in.
        """
        member = await self._callers.member(token, org_id, OrgAction.MANAGE_SCIM)
        require_feature(member.org.plan, Feature.SSO)
        if await self._sso.settings(org_id) is None:
            raise NotFound(ErrorReason.ERROR_REASON_SSO_NOT_SET)
        secret = PREFIX + secrets.token_urlsafe(32)
        made = ScimToken(new_id("sct"), hash_of(secret), self._clock_ms(), member.user_id)
        await self._records.put_token(org_id, made)
        return made, secret

    async def delete(self, token: str | None, org_id: str) -> None:
        """Ends it, on any plan. Raises Forbidden."""
        await self._callers.member(token, org_id, OrgAction.MANAGE_SCIM)
        await self._records.delete_token(org_id)

    async def authenticate(self, token: str | None, org_id: str) -> None:
        """From here on the directory acts: what it changes is in the log under its token's id.

        Raises Unauthenticated, also for an organisation that is not known; Forbidden(PLAN_REQUIRED).
        """
        if not token:
            raise Unauthenticated(ErrorReason.ERROR_REASON_MISSING_TOKEN)
        org, kept = await self._records.org(org_id), await self._records.token(org_id)
        if org is None or kept is None or not hmac.compare_digest(kept.token_hash, hash_of(token)):
            raise Unauthenticated
        act_as(f"scim/{kept.token_id}")
        require_feature(org.plan, Feature.SSO)
